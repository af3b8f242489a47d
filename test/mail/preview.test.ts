import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { emailKinds } from '../../src/base/emails.ts'
import { locales } from '../../src/base/locales.ts'
import { kill } from '../world.ts'

const script = fileURLToPath(new URL('../../src/local/preview-mails.ts', import.meta.url))

const child = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
let url = ''
test.before(async () => {
  const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string]
  url = /http:\S+/.exec(line)?.[0] ?? ''
})
test.after.always(() => kill(child))

test('the page shows every mail in every language, as HTML and as text', async t => {
  const page = await (await fetch(url)).text()
  for (const kind of emailKinds)
    for (const locale of locales) {
      const [, section = ''] = page.split(`<section id="${kind}-${locale}">`)
      const [shown = ''] = section.split('</section>')
      t.regex(shown, /<iframe sandbox title="[^"]+" srcdoc="&lt;!doctype/i, `${kind} ${locale}`)
      t.regex(shown, /<pre lang="\w+" dir="(ltr|rtl)">[^<]{80,}<\/pre>/, `${kind} ${locale}`)
    }
  t.notRegex(page, /\{\{/)
})

test('nothing in a mail can act on the page', async t => {
  const reply = await fetch(url)
  t.regex(reply.headers.get('content-security-policy') ?? '', /^default-src 'none'/)
  t.notRegex(await reply.text(), /<script|sandbox="[^"]*allow/)
})

test('other machines do not reach it', async t => {
  const outside = Object.values(networkInterfaces())
    .flatMap(found => found ?? [])
    .find(({ internal, family }) => !internal && family === 'IPv4')
  if (!outside) return t.pass('there is no other address here')
  const socket = connect(Number(new URL(url).port), outside.address)
  const [fault] = await once(socket, 'error')
  t.is(fault.code, 'ECONNREFUSED')
})
