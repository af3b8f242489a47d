import anyTest from 'ava'
import type { Client } from '../../client.ts'
import { anAccount, anEmail, tokenOf } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import { newPassword, userWithResetMail } from '../passwords/user-with-reset-mail.ts'

// Where a link is no longer good: its page leads to a new one.

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

/** The address that the form of a page posts to, as a browser finds it. */
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

/** The page of a link, and that of its button. */
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

test('an expired verification link → its page sends a new one, which works', async t => {
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

test('an expired reset link, opened or pressed → its page sends a new one, which works', async t => {
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
  test(`an expired link of ${name} → its page asks for an address, to choose a new password`, async t => {
    const { email } = await anAccount(client)
    await world.mails.to(email)
    const { pressed } = await pagesOf(name)
    t.is(pressed.reply.status, 401)
    t.regex(pressed.reply.text, /<h1>This can no longer be undone<\/h1>/)
    t.is((await send(client, actionOf(pressed.reply.text, pressed.path), { email })).status, 303)
    t.regex((await world.mails.to(email, 2)).link, /\/reset-password\?token=/)
  })

test('an expired link for a new address → its page says how to ask again', async t => {
  const { pressed } = await pagesOf('confirm-email')
  t.is(pressed.reply.status, 401)
  t.regex(pressed.reply.text, /sign in and ask for the change again/)
  t.notRegex(pressed.reply.text, /<form/)
})

test('forms for an address → the same answer whether or not anybody has it, in every language', async t => {
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

test('an address that is none → the form again, with a line that its field points to, and no email', async t => {
  const owed = () => world.sql(`SELECT FROM emails WHERE kind IN ('reset_password', 'verify_email')`)
  const before = (await owed()).length
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
  t.is((await owed()).length, before)
})

test('a form of another site → no email; the page asks to press the button again', async t => {
  const { email } = await anAccount(client)
  await world.mails.to(email)
  const owed = () => world.sql('SELECT FROM emails WHERE recipient = $1', [email])
  for (const site of ['cross-site', 'same-site'])
    for (const name of ['forgot-password', 'resend-verification']) {
      const reply = await send(client, `${name}/confirm`, { email }, { 'sec-fetch-site': site })
      t.is(reply.status, 400)
      t.regex(reply.text, /<form method="post"/)
    }
  t.is((await owed()).length, 1)
  const own = await send(client, 'forgot-password/confirm', { email }, { 'sec-fetch-site': 'same-origin' })
  t.is(own.status, 303)
  t.is((await owed()).length, 2)
})

test('form and API → one limit of a mailbox for both, and no fourth email in an hour', async t => {
  const { email } = await anAccount(limited.client)
  await limited.mails.to(email)
  const { client } = limited
  const ask = {
    api: () => client.post('forgot-password', { email }),
    form: () => send(client, 'forgot-password/confirm', { email }),
  }
  // A newer email takes the place of one that waits: each is sent before the next is asked for.
  for (const [at, by] of (['api', 'form', 'api'] as const).entries()) {
    t.true((await ask[by]()).status < 400)
    await limited.mails.to(email, at + 2)
  }
  t.is((await ask.form()).status, 303)
  const rows = await limited.sql<{ status: string }>(
    `SELECT status FROM emails WHERE recipient = $1 AND kind = 'reset_password'`,
    [email],
  )
  t.deepEqual(rows.map(({ status }) => status).sort(), ['dropped', 'sent', 'sent', 'sent'])
})

test('forgot-password opened in a browser → a page that asks for the address', async t => {
  const page = await client.get('forgot-password?lang=es')
  t.is(page.status, 200)
  t.regex(page.text, /<html lang="es"/)
  t.is(actionOf(page.text, '/api/v1/auth/forgot-password'), '/api/v1/auth/forgot-password/confirm?lang=es')
})
