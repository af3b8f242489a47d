import anyTest from 'ava'
import { anAccount, anEmail, password, tokenOf } from '../../fixtures.ts'
import { openWorld, type World } from '../../world.ts'
import { forgedHeaders, forgedTargets, forgedValue } from '../http/forged-hosts.ts'
import { sendRaw } from '../http/raw-request.ts'
import { newPassword } from '../passwords/user-with-reset-mail.ts'

// Links are built from PUBLIC_URL and never from the headers of a request.

const test = anyTest.serial

const plain = await openWorld({ worker: true })
const proxied = await openWorld({ worker: true, env: { TRUSTED_PROXIES: '1' } })
anyTest.after.always(async () => {
  for (const each of [plain, proxied]) await each[Symbol.asyncDispose]()
})

/** The claims of an access token as text, without the 64 random bytes of its signature. */
const claimsOf = (token: string): string =>
  Buffer.from(token.split('.')[2] ?? '', 'base64url')
    .subarray(0, -64)
    .toString('latin1')
const unfolded = (raw: string): string => raw.replaceAll('=\r\n', '')
const proxies = ({ env }: World): string => `${env.TRUSTED_PROXIES ?? 0} trusted proxies`

{
  const path = '/api/v1/auth/register'
  for (const world of [plain, proxied])
    for (const [what, target, lines] of forgedTargets(path))
      test(`registration with ${what}, ${proxies(world)} → no forged value in reply, token, log or email`, async t => {
        const email = anEmail()
        const content = JSON.stringify({ email, password })
        const head = ['Content-Type: application/json', `Content-Length: ${content.length}`]
        const reply = await sendRaw(
          world.url,
          [`POST ${target} HTTP/1.1`, ...lines, ...forgedHeaders, ...head],
          content,
        )
        t.is(reply.status, 201)
        t.notRegex(JSON.stringify(reply), forgedValue)
        const { access_token } = reply.body as { access_token: string }
        t.notRegex(claimsOf(access_token), /evil/)

        const { raw, link } = await world.mails.to(email)
        t.notRegex(unfolded(raw), forgedValue)
        t.true(link.startsWith('http://latchkey.test/api/v1/auth/verify-email?token='))

        const opened = await sendRaw(world.url, [
          `GET ${new URL(link).pathname}?token=${tokenOf(link)} HTTP/1.1`,
          ...lines,
          ...forgedHeaders,
        ])
        t.is(opened.status, 200)
        t.notRegex(opened.text + JSON.stringify(opened.headers), forgedValue)
        t.notRegex((await world.logs()).join(''), /evil/)
      })

  test('redirects with a forged host or target → only paths of this service', async t => {
    for (const target of ['/', 'http://evil.test/', '//evil.test/..', '/%0d%0aevil', '/\\evil.test']) {
      const { headers } = await sendRaw(plain.url, [
        `GET ${target} HTTP/1.1`,
        'Host: evil.test',
        ...forgedHeaders,
      ])
      t.true(headers.location === undefined || headers.location === '/docs', `${target}: ${headers.location}`)
    }
  })
}

{
  // An attacker can request an email for another user and chooses the headers of that request. If a header
  // reached the link, a click of the owner would carry the token to the attacker.

  const path = '/api/v1/auth/forgot-password'
  for (const world of [plain, proxied])
    test(`forgot-password with forged hosts, ${proxies(world)} → links and redirect keep PUBLIC_URL`, async t => {
      await Promise.all(
        forgedTargets(path).map(async ([what, target, lines]) => {
          const { email } = await anAccount(world.client)
          await world.mails.to(email)
          const content = JSON.stringify({ email })
          const head = ['Content-Type: application/json', `Content-Length: ${content.length}`]
          const reply = await sendRaw(
            world.url,
            [`POST ${target} HTTP/1.1`, ...lines, ...forgedHeaders, ...head],
            content,
          )
          t.is(reply.status, 202, what)
          t.notRegex(JSON.stringify(reply), forgedValue, what)
          const { raw, link, mail } = await world.mails.to(email, 2)
          t.notRegex(unfolded(raw) + mail.html + mail.text, forgedValue, what)
          t.true(link.startsWith('http://latchkey.test/api/v1/auth/reset-password?token='), what)

          const asked = new URL(link)
          const absolute = target.replace(path, asked.pathname) + asked.search
          const page = await sendRaw(world.url, [`GET ${absolute} HTTP/1.1`, ...lines, ...forgedHeaders])
          t.is(page.status, 200, what)
          t.notRegex(page.text + JSON.stringify(page.headers), forgedValue, what)

          const form = new URLSearchParams({
            token: asked.searchParams.get('token') ?? '',
            new_password: newPassword,
          }).toString()
          const confirm = target.replace(path, `${asked.pathname}/confirm`)
          const formHead = [
            'Content-Type: application/x-www-form-urlencoded',
            `Content-Length: ${form.length}`,
          ]
          const pressed = await sendRaw(
            world.url,
            [`POST ${confirm} HTTP/1.1`, ...lines, ...forgedHeaders, ...formHead],
            form,
          )
          t.is(pressed.status, 303, what)
          t.is(pressed.headers.location, 'http://latchkey.test/api/v1/auth/password-reset?lang=en', what)
        }),
      )
    })
}
