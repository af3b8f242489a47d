import { Readable } from 'node:stream'
import anyTest from 'ava'
import { createTransport, type Transporter } from 'nodemailer'
import { writeContentAtOnce } from '../../../src/platform/mail/nodemailer-patches.ts'
import { openScriptedSmtp } from '../../scripted-smtp.ts'

// The test runs nodemailer without and with its patch. If nodemailer passes without it, remove the patch.

// A test counts the streams of this process.
const test = anyTest.serial

const raw = Buffer.from('Message-ID: <a@mail.example>\r\n\r\ncontent\r\n')

const inPool = async <T>(url: string, isPatched: boolean, steps: (transport: Transporter) => Promise<T>) => {
  const transport = createTransport({ url, pool: true, maxConnections: 1 } as object) as Transporter
  if (isPatched) writeContentAtOnce(transport)
  try {
    return await steps(transport)
  } finally {
    transport.close()
  }
}

const mailTo = (to: string, onContent: () => void) =>
  ({ from: 'a@mail.example', to, messageId: '<a@mail.example>', raw, onContent }) as object

test('a finished message → written through one stream instead of four', async t => {
  await using smtp = await openScriptedSmtp()
  const { pipe } = Readable.prototype
  t.teardown(() => {
    Readable.prototype.pipe = pipe
  })
  let pipes = 0
  Readable.prototype.pipe = function counted<T extends NodeJS.WritableStream>(
    this: Readable,
    to: T,
    options?: { end?: boolean },
  ): T {
    pipes++
    return pipe.call(this, to, options) as T
  }
  const pipesOf = (isPatched: boolean) =>
    inPool(smtp.url, isPatched, async transport => {
      await transport.sendMail(mailTo('b@mail.example', () => {}))
      pipes = 0
      await transport.sendMail(mailTo('b@mail.example', () => {}))
      return pipes
    })
  t.deepEqual({ unpatched: await pipesOf(false), patched: await pipesOf(true) }, { unpatched: 4, patched: 1 })
  t.is(smtp.contents.length, 4)
})

test('the server drops a used connection before the content → it is sent once, over another one', async t => {
  await using smtp = await openScriptedSmtp()
  let starts = 0
  await inPool(smtp.url, true, async transport => {
    const send = () => transport.sendMail(mailTo('b@mail.example', () => void starts++))
    await send()
    let isDropped = false
    smtp.answer(moment => {
      if (moment !== 'DATA' || isDropped) return undefined
      isDropped = true
      return 'hang up'
    })
    await send()
    t.true(isDropped)
  })
  t.is(starts, 2)
  t.is(smtp.contents.length, 2)
})
