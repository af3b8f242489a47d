import test from 'ava'
import { anEmail, password, tokenOf } from '../make.ts'
import { openWorld } from '../world.ts'
import { sendRaw } from './raw.ts'

const plain = await openWorld({ worker: true })
const proxied = await openWorld({ worker: true, env: { TRUSTED_PROXIES: '1' } })
test.after.always(async () => {
  await plain[Symbol.asyncDispose]()
  await proxied[Symbol.asyncDispose]()
})

const path = '/api/v1/auth/register'
const forged = [
  'X-Forwarded-Host: evil.test',
  'X-Forwarded-Proto: evil',
  'X-Forwarded-Port: 666',
  'X-Forwarded-Prefix: /evil',
  'Forwarded: for=evil.test;host=evil.test;proto=evil',
  'X-Original-URL: /evil',
  'X-Rewrite-URL: /evil',
  'X-Host: evil.test',
  'Referer: https://evil.test/',
  'Origin: https://evil.test',
]
const disguises: [what: string, target: string, lines: string[]][] = [
  ['a foreign host', path, ['Host: evil.test']],
  ['a host that reads like credentials', path, ['Host: evil.test:80@latchkey.test']],
  ['a host with markup', path, ['Host: evil.test"><script>evil</script>']],
  ['a host with a path', path, ['Host: evil.test/evil?']],
  ['a second host', path, ['Host: latchkey.test', 'Host: evil.test']],
  ['an empty host', path, ['Host:']],
  ['an absolute target', `http://evil.test${path}`, ['Host: latchkey.test']],
  ['an absolute target with credentials', `http://latchkey.test@evil.test${path}`, ['Host: latchkey.test']],
]

for (const world of [plain, proxied])
  for (const [what, target, lines] of disguises)
    test(`${what} gets nowhere, with ${world.config.TRUSTED_PROXIES} proxies: not into the reply, the token, the log or the mail`, async t => {
      const email = anEmail()
      const content = JSON.stringify({ email, password })
      const head = ['Content-Type: application/json', `Content-Length: ${content.length}`]
      const reply = await sendRaw(
        world.url,
        [`POST ${target} HTTP/1.1`, ...lines, ...forged, ...head],
        content,
      )
      t.is(reply.status, 201)
      t.notRegex(JSON.stringify(reply), /evil/)
      const { access_token } = reply.body as { access_token: string }
      t.notRegex(Buffer.from(access_token.split('.')[2] ?? '', 'base64url').toString('latin1'), /evil/)

      const { raw, link } = await world.mails.to(email)
      t.notRegex(raw, /evil/)
      t.true(link.startsWith('http://latchkey.test/api/v1/auth/verify-email?token='))

      const opened = await sendRaw(world.url, [
        `GET ${new URL(link).pathname}?token=${tokenOf(link)} HTTP/1.1`,
        ...lines,
        ...forged,
      ])
      t.is(opened.status, 200)
      t.notRegex(opened.text + JSON.stringify(opened.headers), /evil/)
      t.notRegex(world.logs.join(''), /evil/)
    })

test('redirects lead where the configuration says', async t => {
  for (const target of ['/', 'http://evil.test/', '//evil.test/..', '/%0d%0aevil', '/\\evil.test']) {
    const { headers } = await sendRaw(plain.url, [`GET ${target} HTTP/1.1`, 'Host: evil.test', ...forged])
    t.true(headers.location === undefined || headers.location === '/docs', `${target}: ${headers.location}`)
  }
})
