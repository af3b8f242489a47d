import anyTest from 'ava'
import type { Client } from '../../client.ts'
import { anAccount, anEmail, tokenOf } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import { untilNoEmailQueued } from '../email-change/change-email.ts'
import { newPassword, userWithResetMail } from '../passwords/user-with-reset-mail.ts'

// The page of an expired link leads to a new link.

const test = anyTest.serial

const origin = 'http://latchkey.test'
const world = await openWorld({ worker: true })
const limited = await openWorld({ worker: true, env: { RATE_LIMITS: '' } })
anyTest.after.always(async () => {
  for (const each of [world, limited]) await each[Symbol.asyncDispose]()
})

const { client } = world
const wrong = `lkp_${'A'.repeat(64)}`
const formType = 'application/x-www-form-urlencoded'

/** The address that the form of a page posts to, resolved as a browser does. */
const actionOf = (page: string, path: string): string => {
  const [, action = ''] = /<form method="post" action="([^"]+)"/.exec(page) ?? []
  const { pathname, search } = new URL(action, origin + path)
  return pathname + search
}

const send = (
  to: Client,
  action: string,
  body: Record<string, string>,
  headers: Record<string, string> = {},
) =>
  to.send('POST', action, {
    body: new URLSearchParams(body).toString(),
    headers: { 'content-type': formType, ...headers },
  })

const pathOf = (location: string | null) => (location ?? '').slice(origin.length)

/** The page that a link opens, and the page after its button is pressed. */
const pagesOf = async (name: string) => {
  const path = `/api/v1/auth/${name}`
  const opened = { path, reply: await client.get(`${path}?token=${wrong}&lang=en`) }
  const at = `${path}/confirm?lang=en`
  const pressed = {
    path: at,
    reply: await send(client, at, {
      token: wrong,
      ...(name === 'reset-password' && { new_password: newPassword }),
    }),
  }
  return { opened, pressed }
}

test('expired verification link → its page sends a new link that works', async t => {
  const { email } = await anAccount(client)
  await world.mails.to(email)
  const { pressed } = await pagesOf('verify-email')
  t.is(pressed.reply.status, 401)
  const sent = await send(client, actionOf(pressed.reply.text, pressed.path), { email })
  t.is(sent.status, 303)
  const page = await client.get(pathOf(sent.headers.get('location')))
  t.is(page.status, 200)
  t.regex(page.text, /<h1>A new link is on its way<\/h1>/)
  const { link } = await world.mails.to(email, 2)
  const confirmed = await send(client, 'verify-email/confirm', { token: tokenOf(link) })
  t.is(confirmed.status, 303)
  t.is((await world.sql('SELECT FROM users WHERE email = $1 AND email_verified', [email])).length, 1)
})

test('expired reset link, opened or submitted → its page sends a new link that works', async t => {
  const { email } = await userWithResetMail(world)
  const { opened, pressed } = await pagesOf('reset-password')
  let count = 2
  for (const { path, reply } of [opened, pressed]) {
    t.is(reply.status, 401)
    t.regex(reply.text, /<h1>This password link is no longer valid<\/h1>/)
    const sent = await send(client, actionOf(reply.text, path), { email })
    t.is(sent.status, 303)
    t.regex((await client.get(pathOf(sent.headers.get('location')))).text, /<h1>Check your inbox<\/h1>/)
    await world.mails.to(email, ++count)
  }
  const { link } = await world.mails.to(email, count)
  const body = { token: tokenOf(link), new_password: newPassword }
  t.is((await send(client, 'reset-password/confirm', body)).status, 303)
})

for (const name of ['undo-email-change', 'undo-deletion'])
  test(`expired link of ${name} → its page offers a password reset by email`, async t => {
    const { email } = await anAccount(client)
    await world.mails.to(email)
    const { pressed } = await pagesOf(name)
    t.is(pressed.reply.status, 401)
    t.regex(pressed.reply.text, /<h1>This change can no longer be undone<\/h1>/)
    t.is((await send(client, actionOf(pressed.reply.text, pressed.path), { email })).status, 303)
    t.regex((await world.mails.to(email, 2)).link, /\/reset-password\?token=/)
  })

test('expired link that confirms a new address → its page says how to ask again', async t => {
  const { pressed } = await pagesOf('confirm-email')
  t.is(pressed.reply.status, 401)
  t.regex(pressed.reply.text, /sign in and request the change again/)
  t.notRegex(pressed.reply.text, /<form/)
})

test('form with a known or an unknown email → identical replies in every language', async t => {
  const { email } = await anAccount(client)
  for (const name of ['forgot-password', 'resend-verification'])
    for (const lang of ['en', 'es', 'ar', 'xx']) {
      const known = await send(client, `${name}/confirm?lang=${lang}`, { email })
      const unknown = await send(client, `${name}/confirm?lang=${lang}`, { email: anEmail() })
      t.is(known.status, 303)
      t.is(unknown.status, 303)
      t.is(known.headers.get('location'), unknown.headers.get('location'))
      t.is(known.text, unknown.text)
    }
})

test('form with an invalid email → 400, the form with an accessible error, and no email', async t => {
  const queuedEmails = () => world.sql(`SELECT FROM emails WHERE kind IN ('reset_password', 'verify_email')`)
  const before = (await queuedEmails()).length
  for (const name of ['forgot-password', 'resend-verification'])
    for (const email of ['', 'ada', 'a@b.example,c@d.example', `"><script>alert(1)</script>@x.example`]) {
      const reply = await send(client, `${name}/confirm?lang=en`, { email })
      t.is(reply.status, 400)
      t.regex(
        reply.text,
        / aria-describedby="error" aria-invalid="true">\n<p class="error" id="error" role="alert">/,
      )
      t.notRegex(reply.text, /<script|alert\(1\)/)
      const again = actionOf(reply.text, `/api/v1/auth/${name}/confirm`)
      t.is(again, `/api/v1/auth/${name}/confirm?lang=en`)
    }
  t.is((await queuedEmails()).length, before)
})

test('form posted from another site → 400 and no email, the page asks to press the button again', async t => {
  const { email } = await anAccount(client)
  await world.mails.to(email)
  const queuedEmails = () => world.sql('SELECT FROM emails WHERE recipient = $1', [email])
  for (const site of ['cross-site', 'same-site'])
    for (const name of ['forgot-password', 'resend-verification']) {
      const reply = await send(client, `${name}/confirm`, { email }, { 'sec-fetch-site': site })
      t.is(reply.status, 400)
      t.regex(reply.text, /<form method="post"/)
    }
  t.is((await queuedEmails()).length, 1)
  const own = await send(client, 'forgot-password/confirm', { email }, { 'sec-fetch-site': 'same-origin' })
  t.is(own.status, 303)
  t.is((await queuedEmails()).length, 2)
})

test('form and API → one shared limit for a mailbox and no fourth email within an hour', async t => {
  const { email } = await anAccount(limited.client)
  await limited.mails.to(email)
  const { client } = limited
  const ask = {
    api: () => client.post('forgot-password', { email }),
    form: () => send(client, 'forgot-password/confirm', { email }),
  }
  // A newer email replaces one that still waits, so each is sent before the next request.
  for (const [at, by] of (['api', 'form', 'api'] as const).entries()) {
    t.true((await ask[by]()).status < 400)
    await limited.mails.to(email, at + 2)
  }
  t.is((await ask.form()).status, 303)
  // The worker decides after the reply that the fourth email is over the limit.
  await untilNoEmailQueued(limited)
  const rows = await limited.sql<{ status: string }>(
    `SELECT status FROM emails WHERE recipient = $1 AND kind = 'reset_password'`,
    [email],
  )
  t.deepEqual(rows.map(({ status }) => status).sort(), ['dropped', 'sent', 'sent', 'sent'])
})

test('GET forgot-password in a browser → a page that asks for the email', async t => {
  const page = await client.get('forgot-password?lang=es')
  t.is(page.status, 200)
  t.regex(page.text, /<html lang="es"/)
  t.is(actionOf(page.text, '/api/v1/auth/forgot-password'), '/api/v1/auth/forgot-password/confirm?lang=es')
})
