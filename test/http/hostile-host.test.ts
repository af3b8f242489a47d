import test from 'ava'
import { anEmail, password, tokenOf } from '../make.ts'
import { openWorld } from '../world.ts'
import { disguises, forged, theirs } from './disguises.ts'
import { sendRaw } from './raw.ts'

const plain = await openWorld({ worker: true })
const proxied = await openWorld({ worker: true, env: { TRUSTED_PROXIES: '1' } })
test.after.always(async () => {
  await plain[Symbol.asyncDispose]()
  await proxied[Symbol.asyncDispose]()
})

const path = '/api/v1/auth/register'
for (const world of [plain, proxied])
  for (const [what, target, lines] of disguises(path))
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
      t.notRegex(JSON.stringify(reply), theirs)
      const { access_token } = reply.body as { access_token: string }
      t.notRegex(Buffer.from(access_token.split('.')[2] ?? '', 'base64url').toString('latin1'), /evil/)

      const { raw, link } = await world.mails.to(email)
      t.notRegex(raw, theirs)
      t.true(link.startsWith('http://latchkey.test/api/v1/auth/verify-email?token='))

      const opened = await sendRaw(world.url, [
        `GET ${new URL(link).pathname}?token=${tokenOf(link)} HTTP/1.1`,
        ...lines,
        ...forged,
      ])
      t.is(opened.status, 200)
      t.notRegex(opened.text + JSON.stringify(opened.headers), theirs)
      t.notRegex(world.logs.join(''), /evil/)
    })

test('redirects lead where the configuration says', async t => {
  for (const target of ['/', 'http://evil.test/', '//evil.test/..', '/%0d%0aevil', '/\\evil.test']) {
    const { headers } = await sendRaw(plain.url, [`GET ${target} HTTP/1.1`, 'Host: evil.test', ...forged])
    t.true(headers.location === undefined || headers.location === '/docs', `${target}: ${headers.location}`)
  }
})
