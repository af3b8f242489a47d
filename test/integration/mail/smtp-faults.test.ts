import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import test from 'ava'
import { v7 as uuid } from 'uuid'
import { deliver } from '../../../src/mail/deliver.ts'
import { openTransport } from '../../../src/mail/transport.ts'
import { openLocalWorld } from '../../local-world.ts'
import { anAccount, password } from '../../make.ts'
import { until } from '../../until.ts'

const world = await openLocalWorld({ worker: true })
test.after.always(() => world[Symbol.asyncDispose]())

type Row = { id: string; status: string; attempts: number; last_error: string | null; sent_at: Date | null }
const rowTo = async (email: string): Promise<Row | undefined> =>
  (await world.sql<Row>('SELECT * FROM emails WHERE recipient = $1', [email]))[0]
const rowOnce = (email: string, is: (row: Row) => boolean) =>
  until(`a row to ${email}`, async () => {
    const row = await rowTo(email)
    return row && is(row) && row
  })

/** What mail servers say: with the address, as they do. */
const refusal = (responseCode: number, email: string) =>
  Object.assign(new Error(`<${email}>: Recipient ${email} of secret-host.example said no`), { responseCode })
const saysNothingOf = (email: string): boolean =>
  !world.logs.some(line => line.includes(email) || line.includes('secret-host'))

test.afterEach.always(() => world.mails.answer(null))

test.serial(
  'a mail that is put off (451) is tried again, and sent; the server’s words are not kept',
  async t => {
    await world.mails.answer(refusal(451, 'x@example.com'))
    const began = performance.now()
    const { email, access } = await anAccount(world.client)
    t.true(performance.now() - began < 5000)
    const refused = await rowOnce(email, row => row.last_error !== null)
    t.like(refused, { status: 'queued', attempts: 1, last_error: 'SMTP 451', sent_at: null })
    t.is((await world.client.get('me', { token: access })).status, 200)

    await world.mails.answer(null)
    const { mail } = await world.mails.to(email)
    t.is(mail.messageId, `<${refused.id}@localhost>`)
    t.like(await rowOnce(email, row => row.status === 'sent'), { attempts: 2, last_error: null })
    t.true(saysNothingOf(email))
  },
)

test.serial('a mail that is refused for good (550) fails at once, and is not tried again', async t => {
  await world.mails.answer(refusal(550, 'x@example.com'))
  const { email } = await anAccount(world.client)
  const failed = await rowOnce(email, row => row.status !== 'queued')
  t.like(failed, { status: 'failed', attempts: 1, last_error: 'SMTP 550', sent_at: null })
  t.true(saysNothingOf(email))
  await until('the job to end', async () => !(await world.deps.queue.getJob(failed.id)))

  await world.mails.answer(null)
  using transport = openTransport(world.mails.url)
  t.is(await deliver({ ...world.deps, transport }, failed.id), 'settled')
  t.is((await rowTo(email))?.attempts, 1)
})

const aRow = async (attempts = 0) => {
  const { email, userId } = await anAccount(world.client)
  await world.mails.to(email)
  const id = uuid()
  await world.sql(
    `INSERT INTO emails (id, kind, recipient, user_id, locale, attempts, sweep_after)
     VALUES ($1, 'welcome', $2, $3, 'en', $4, now() + interval '1 hour')`,
    [id, email, userId, attempts],
  )
  const row = async () => (await world.sql<Row>('SELECT * FROM emails WHERE id = $1', [id]))[0]
  return { id, email, row }
}

test.serial('a mail whose last try fails is listed as failed, with why', async t => {
  const { id, row } = await aRow()
  await world.mails.answer(refusal(421, 'x@example.com'))
  await world.deps.queue.add('deliver', {}, { jobId: id, attempts: 1 })
  await until('the row to fail', async () => (await row())?.status === 'failed')
  t.like(await row(), { attempts: 1, last_error: 'SMTP 421' })
})

test.serial('a mail server that is down, hangs up or talks nonsense is met by trying again', async t => {
  const { id, email, row } = await aRow()
  const tryAt = async (url: string) => {
    using transport = openTransport(url)
    return await deliver({ ...world.deps, transport }, id)
  }
  const hostile = async (greet: string | null) => {
    const server = createServer(socket => {
      socket.on('error', () => {})
      if (greet === null) socket.destroy()
      else socket.end(greet)
    })
    server.listen(0, '127.0.0.1').unref()
    await once(server, 'listening')
    return { server, url: `smtp://127.0.0.1:${(server.address() as AddressInfo).port}` }
  }
  const servers = {
    'hangs up': null,
    'refuses everybody (RFC 5321, 3.1)': `554 ${email} go away\r\n`,
    'is another service': 'HTTP/1.1 400 Bad Request\r\n\r\n',
    'is down': null,
  }
  let attempts = 0
  for (const [what, greeting] of Object.entries(servers)) {
    const { server, url } = await hostile(greeting)
    if (what === 'is down') server.close()
    const fault = await t.throwsAsync(tryAt(url), undefined, what)
    t.false(fault?.message.includes(email))
    server.close()
    const { status, attempts: counted, last_error } = (await row()) as Row
    t.is(status, 'queued', `a server that ${what}`)
    t.is(counted, ++attempts)
    t.regex(last_error ?? '', /^[A-Z]+( \d{3})?$/, 'a code and no words')
  }
  t.is(await tryAt(world.mails.url), 'sent')
  t.like(await row(), { attempts: attempts + 1, last_error: null })
  t.is((await world.mails.to(email, 2)).mail.messageId, `<${id}@localhost>`)
  t.true(saysNothingOf(email))
})

test.serial('a row that was begun thirty times without an end is set aside', async t => {
  const { id, row } = await aRow(30)
  using transport = openTransport(world.mails.url)
  t.is(await deliver({ ...world.deps, transport }, id), 'failed')
  t.like(await row(), { status: 'failed', last_error: 'too many attempts' })
})

test.serial('while the mail server refuses everything, everything else works', async t => {
  await world.mails.answer(refusal(451, 'x@example.com'))
  const { email, refresh } = await anAccount(world.client)
  t.is((await world.client.post('login', { email, password })).status, 200)
  t.is((await world.client.post('refresh', { refresh_token: refresh })).status, 200)
  t.is((await world.client.post('resend-verification', { email })).status, 202)
  t.is((await world.client.get('/readyz')).status, 200)
})
