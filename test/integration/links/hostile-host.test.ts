import anyTest from 'ava'
import { anAccount, anEmail, password, tokenOf } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import { disguises, forged, theirs } from '../http/disguises.ts'
import { sendRaw } from '../http/raw.ts'
import { newPassword } from '../passwords/user-with-reset-mail.ts'

// Links are made of PUBLIC_URL, whatever the headers of a request say.

const test = anyTest.serial

const plain = await openWorld({ worker: true })
const proxied = await openWorld({ worker: true, env: { TRUSTED_PROXIES: '1' } })
anyTest.after.always(async () => {
  for (const each of [plain, proxied]) await each[Symbol.asyncDispose]()
})

{
  const path = '/api/v1/auth/register'
  for (const world of [plain, proxied])
    for (const [what, target, lines] of disguises(path))
      test(`${what} gets nowhere, with ${world.env.TRUSTED_PROXIES} proxies: not into the reply, the token, the log or the mail`, async t => {
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
        t.notRegex((await world.logs()).join(''), /evil/)
      })

  test('redirects lead where the configuration says', async t => {
    for (const target of ['/', 'http://evil.test/', '//evil.test/..', '/%0d%0aevil', '/\\evil.test']) {
      const { headers } = await sendRaw(plain.url, [`GET ${target} HTTP/1.1`, 'Host: evil.test', ...forged])
      t.true(headers.location === undefined || headers.location === '/docs', `${target}: ${headers.location}`)
    }
  })
}

{
  // Whoever asks for the mail of another chooses the headers of that request: none may reach the link, or a click of
  // the owner would carry the token to a stranger.

  const path = '/api/v1/auth/forgot-password'
  for (const world of [plain, proxied])
    test(`no disguise of a request reaches the mailed link, with ${world.env.TRUSTED_PROXIES} proxies`, async t => {
      await Promise.all(
        disguises(path).map(async ([what, target, lines]) => {
          const { email } = await anAccount(world.client)
          await world.mails.to(email)
          const content = JSON.stringify({ email })
          const head = ['Content-Type: application/json', `Content-Length: ${content.length}`]
          const reply = await sendRaw(
            world.url,
            [`POST ${target} HTTP/1.1`, ...lines, ...forged, ...head],
            content,
          )
          t.is(reply.status, 202, what)
          t.notRegex(JSON.stringify(reply), theirs, what)
          const { raw, link, mail } = await world.mails.to(email, 2)
          t.notRegex(raw + mail.html + mail.text, theirs, what)
          t.true(link.startsWith('http://latchkey.test/api/v1/auth/reset-password?token='), what)

          const asked = new URL(link)
          const absolute = target.replace(path, asked.pathname) + asked.search
          const page = await sendRaw(world.url, [`GET ${absolute} HTTP/1.1`, ...lines, ...forged])
          t.is(page.status, 200, what)
          t.notRegex(page.text + JSON.stringify(page.headers), theirs, what)

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
            [`POST ${confirm} HTTP/1.1`, ...lines, ...forged, ...formHead],
            form,
          )
          t.is(pressed.status, 303, what)
          t.is(pressed.headers.location, 'http://latchkey.test/api/v1/auth/password-reset?lang=en', what)
        }),
      )
    })
}
