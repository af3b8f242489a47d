import test from 'ava'
import { disguises, forged, theirs } from '../http/disguises.ts'
import { sendRaw } from '../http/raw.ts'
import { anAccount } from '../make.ts'
import { openWorld } from '../world.ts'
import { another } from './forgetful.ts'

// Whoever asks for the mail of another chooses the headers of that request: none may reach the link, or a click of
// the owner would carry the token to a stranger.

const plain = await openWorld({ worker: true })
const proxied = await openWorld({ worker: true, env: { TRUSTED_PROXIES: '1' } })
test.after.always(async () => {
  await plain[Symbol.asyncDispose]()
  await proxied[Symbol.asyncDispose]()
})

const path = '/api/v1/auth/forgot-password'
for (const world of [plain, proxied])
  test(`no disguise of a request reaches the mailed link, with ${world.config.TRUSTED_PROXIES} proxies`, async t => {
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
          new_password: another,
        }).toString()
        const confirm = target.replace(path, `${asked.pathname}/confirm`)
        const formHead = ['Content-Type: application/x-www-form-urlencoded', `Content-Length: ${form.length}`]
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
