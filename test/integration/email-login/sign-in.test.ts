import anyTest from 'ava'
import { anAccount, anEmail, password, tokenOf } from '../../fixtures.ts'
import { openPools, sendSimultaneously, statusesOf, times } from '../../simultaneous.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'
import { aVerifiedAccount } from '../email-change/change-email.ts'
import { aUserWithTotp, secondStep } from '../login/second-factors.ts'
import { newPassword, requestEmailChangeMail, requestResetMail } from '../passwords/user-with-reset-mail.ts'
import { readPostgres, readRedis } from '../secrecy/stored-data.ts'
import { askForCode, claimsOf, comparable, confirm, requestLoginMail } from './login-mail.ts'

// Sign in by a code of an email: who gets the session, how often, and what the mailbox proves.

const test = anyTest.serial

const world = await openWorld({ worker: true })
const other = await world.instance()
const off = await world.instance({ EMAIL_LOGIN: 'off' })
await openPools(world, other)
anyTest.after.always(() => world[Symbol.asyncDispose]())

const { client, sql } = world

const otherCode = (code: string): string => String((Number(code) + 1) % 1e8).padStart(8, '0')

const eventsOf = (type: string, emailId: string) =>
  sql<{ user_id: string | null; data: Record<string, unknown> }>(
    `SELECT user_id, data FROM audit_events WHERE type = $1 AND data->>'email_id' = $2`,
    [type, emailId],
  )

const latestEmail = async (recipient: string, kind = 'login_code') => {
  const [row] = await sql<{ id: string; status: string; data: object; proof_used_at: Date | null }>(
    'SELECT id, status, data, proof_used_at FROM emails WHERE recipient = $1 AND kind = $2 ORDER BY id DESC LIMIT 1',
    [recipient, kind],
  )
  return row
}

const settled = (recipient: string) =>
  until('the email to be settled', async () => {
    const row = await latestEmail(recipient)
    return row?.status !== 'queued' && row
  })

test('right code with the login token of its request → a session by email alone, and its audit events', async t => {
  const { email, userId, access } = await aVerifiedAccount(world)
  const { login_token, code } = await requestLoginMail(world, email)
  t.regex(login_token, /^lke_[\w-]{43}$/)
  t.regex(code, /^\d{8}$/)
  const reply = await confirm(client, { login_token, code })
  t.is(reply.status, 200, reply.text)
  t.like(reply.body.user, { id: userId, email })
  t.like(claimsOf(reply.body.access_token), { sub: userId, amr: ['email'], acr: 'aal1' })
  t.is((await client.get('me', { token: reply.body.access_token })).status, 200)
  t.is((await client.get('me', { token: access })).status, 200, 'a verified account keeps its sessions')
  t.is((await client.post('login', { email, password })).status, 200, 'and its password')

  const row = await latestEmail(email)
  t.deepEqual(await eventsOf('login.email_requested', row?.id ?? ''), [
    { user_id: null, data: { email_id: row?.id } },
  ])
  const [succeeded] = await sql(
    `SELECT 1 FROM audit_events WHERE type = 'login.succeeded' AND user_id = $1 AND data->'amr' = '["email"]'`,
    [userId],
  )
  t.truthy(succeeded)
  t.is((await confirm(client, { login_token, code })).status, 401, 'a code works once')
})

test('token of the link, or the code for a cookie → a session', async t => {
  const { email } = await aVerifiedAccount(world)
  const byLink = await requestLoginMail(world, email)
  const linked = await confirm(client, { login_token: byLink.login_token, token: byLink.token })
  t.is(linked.status, 200, linked.text)
  const byCookie = await requestLoginMail(world, email)
  const typed = `${byCookie.code.slice(0, 4)} ${byCookie.code.slice(4)}`
  const cookie = await confirm(client, {
    ...{ login_token: byCookie.login_token, code: typed, token_transport: 'cookie' },
  })
  t.is(cookie.status, 200, cookie.text)
  t.is(cookie.body.refresh_token, undefined)
  t.regex(cookie.headers.get('set-cookie') ?? '', /^latchkey=lkr_/)
})

test('code or link without the login token of its request → refused, and still valid with it', async t => {
  const { email } = await aVerifiedAccount(world)
  const { email: attacker } = await aVerifiedAccount(world)
  const mine = await requestLoginMail(world, email)
  const theirs = await requestLoginMail(world, attacker)
  const again = await askForCode(world, email)
  const foreign = [theirs.login_token, again, `lke_${'A'.repeat(43)}`, mine.token, 'x']
  for (const login_token of foreign) {
    t.is((await confirm(client, { login_token, code: mine.code })).status, 401)
    t.is((await confirm(client, { login_token, token: mine.token })).status, 401)
  }
  for (const body of [{ code: mine.code }, { token: mine.token }, { ...mine, path: undefined }])
    t.is((await confirm(client, body)).status, 400)
  for (const path of ['verify-email', 'reset-password', 'verify-reset-token', 'confirm-email']) {
    const rest = path === 'reset-password' ? { new_password: newPassword } : {}
    t.is((await client.post(path, { token: mine.token, ...rest })).status, 401, path)
    t.is((await client.post(path, { email, code: mine.code, ...rest })).status, 401, path)
  }
  t.is((await confirm(client, { login_token: mine.login_token, code: mine.code })).status, 200)
})

test('an attacker requests codes for the same address → the code of the owner stays valid', async t => {
  const { email } = await aVerifiedAccount(world)
  const { login_token, code } = await requestLoginMail(world, email)
  for (let i = 0; i < 3; i++) await requestLoginMail(world, email)
  t.is((await confirm(client, { login_token, code })).status, 200)
})

test('one code twenty times at the same moment at two instances → one session', async t => {
  const account = await aVerifiedAccount(world)
  const { login_token, code } = await requestLoginMail(world, account.email)
  // Five guesses are allowed, so every request beyond them is refused anyway.
  const path = 'login/email/confirm'
  const replies = await sendSimultaneously(
    [world.url, other.url],
    times(20, { path, body: { login_token, code } }),
  )
  t.deepEqual(statusesOf(replies), { 200: 1, 401: 19 })
  const { body } = await client.get('sessions', { token: account.access })
  t.is(body.data.length, 2)
})

test('code after ten minutes → refused', async t => {
  const { email } = await aVerifiedAccount(world)
  const { login_token, code, token } = await requestLoginMail(world, email)
  await world.travel(600_000)
  t.is((await confirm(client, { login_token, code })).status, 401)
  t.is((await confirm(client, { login_token, token })).status, 401)
  await world.travel(595_000)
  t.is((await confirm(client, { login_token, code })).status, 200)
  await world.travel(0)
})

test('the password is reset, or the account is deactivated or deleted → earlier codes are refused', async t => {
  const ends = {
    reset: async (email: string) => {
      const { token } = await requestResetMail(world, email)
      return client.post('reset-password', { token, new_password: newPassword })
    },
    deactivated: async (email: string) => sql('UPDATE users SET is_active = false WHERE email = $1', [email]),
    deleted: async (_email: string, token: string) =>
      client.send('DELETE', 'me', { body: { password }, token }),
  }
  for (const [name, end] of Object.entries(ends)) {
    const { email, access } = await aVerifiedAccount(world)
    const { login_token, code, token } = await requestLoginMail(world, email)
    await end(email, access)
    t.is((await confirm(client, { login_token, code })).status, 401, name)
    t.is((await confirm(client, { login_token, token })).status, 401, name)
  }
})

test('deactivated account requests a code → no email; deleted account → its undo link again', async t => {
  const deactivated = await aVerifiedAccount(world)
  await sql('UPDATE users SET is_active = false WHERE email = $1', [deactivated.email])
  const login_token = await askForCode(world, deactivated.email)
  t.is((await settled(deactivated.email))?.status, 'dropped')
  t.is((await confirm(client, { login_token, code: '00000000' })).status, 401)

  const deleted = await aVerifiedAccount(world)
  await client.send('DELETE', 'me', { body: { password }, token: deleted.access })
  const first = await world.mails.to(deleted.email, 1, '/undo-deletion?')
  await askForCode(world, deleted.email)
  t.is((await world.mails.to(deleted.email, 2, '/undo-deletion?')).link, first.link)
  t.is((await client.post('undo-deletion', { token: tokenOf(first.link) })).status, 204)
})

test('unknown address → the same replies as for a known one, no email, and the same audit events', async t => {
  const { email, userId } = await aVerifiedAccount(world)
  const unknown = anEmail()
  const asked = await Promise.all(
    [email, unknown].map(address => client.post('login/email', { email: address })),
  )
  const [known, strange] = asked.map(reply => ({
    ...comparable(reply),
    text: reply.text.replace(/lke_[\w-]{43}/, 'lke_'),
  }))
  t.is(known?.status, 202)
  t.deepEqual(known, strange)
  t.is((await settled(unknown))?.status, 'dropped')
  const { code } = await world.mails.to(email, 1, '/login-code?')
  const wrong = { code: otherCode(code) }
  const refused = []
  for (const { body } of asked)
    refused.push(comparable(await confirm(client, { login_token: body.login_token, ...wrong })))
  t.is(refused[0]?.status, 401)
  t.deepEqual(refused[0], refused[1])
  for (const [address, user_id] of [
    [email, userId],
    [unknown, null],
  ] as const) {
    const id = (await latestEmail(address))?.id ?? ''
    t.deepEqual(await eventsOf('login.failed', id), [{ user_id, data: { email_id: id, amr: ['email'] } }])
  }
  t.is((await world.mails.sentTo(unknown)).length, 0)
})

test('sign-in by code on a new device → a notice to the owner, and a locked password stays locked', async t => {
  const { email, userId } = await aVerifiedAccount(world)
  t.is((await client.post('login', { email, password })).status, 200)
  await sql('UPDATE users SET failed_logins = 100 WHERE id = $1', [userId])
  const headers = { 'user-agent': 'somewhere-else/1' }
  const { login_token, code } = await requestLoginMail(world, email, headers)
  t.is((await confirm(client, { login_token, code }, headers)).status, 200)
  await until('the notice', () => latestEmail(email, 'new_device'))
  const [user] = await sql<{ failed_logins: number }>('SELECT failed_logins FROM users WHERE id = $1', [
    userId,
  ])
  t.is(user?.failed_logins, 100)
})

test('user with an authenticator app signs in by code → 403, and the app makes it aal2', async t => {
  const user = await aUserWithTotp(world)
  const { login_token, code } = await requestLoginMail(world, user.email)
  const first = await confirm(client, { login_token, code })
  t.is(first.status, 403)
  t.is(first.body.code, 'MFA_REQUIRED')
  t.deepEqual(first.body.methods, ['totp', 'recovery_code'])
  t.is(first.headers.get('set-cookie'), null)
  t.is((await confirm(client, { login_token, code })).status, 401, 'the first step used the code up')
  const { mfa_token } = first.body
  t.is((await confirm(client, { login_token: mfa_token, code })).status, 401)
  t.is((await secondStep(client, mfa_token, { code: user.wrongCode() })).status, 401)
  const second = await secondStep(client, mfa_token, { code: user.code() })
  t.is(second.status, 200, second.text)
  t.like(claimsOf(second.body.access_token), { acr: 'aal2', amr: ['email', 'otp', 'mfa'] })
})

test('Postgres, Redis and logs → no code, challenge or token of a sign-in, before and after it', async t => {
  const user = await aUserWithTotp(world)
  const { login_token, code, token } = await requestLoginMail(world, user.email)
  const { challenge } = (await client.post('login/passkey/options', {})).body
  await confirm(client, { login_token, code: otherCode(code) })
  const { mfa_token } = (await confirm(client, { login_token, code })).body
  const expectNoSecret = async (app: string) => {
    const stored = [await readPostgres(world), await readRedis(world), await world.logs()]
    const forms = [login_token.slice(4), mfa_token.slice(4), challenge, token.slice(4)].flatMap(text =>
      (['base64url', 'base64', 'hex'] as const).map(form => Buffer.from(text, 'base64url').toString(form)),
    )
    // The number of the step of an app has as many digits as a code.
    for (const text of stored.map(each => JSON.stringify(each).replaceAll(/"last_step":"?\d+/g, ''))) {
      t.true(text.length > 1000)
      for (const each of forms) t.false(text.includes(each), each)
      for (const each of [code, app]) t.notRegex(text, new RegExp(`"${each}"|[ :=]${each}\\b(?!\\.)`))
    }
  }
  await expectNoSecret(user.code())
  await secondStep(client, mfa_token, { code: user.wrongCode() })
  const app = user.code()
  t.is((await secondStep(client, mfa_token, { code: app })).status, 200)
  await secondStep(client, mfa_token, { code: app })
  await expectNoSecret(app)
})

test('owner of the mailbox signs in by code to a squatted account → the squatter loses everything', async t => {
  const victim = anEmail()
  const squatter = await anAccount(client, { email: victim })
  const elsewhere = anEmail()
  const move = await requestEmailChangeMail(world, squatter, elsewhere)
  const reset = await requestResetMail(world, victim)
  await sql(
    `INSERT INTO factors (id, user_id, type, name, confirmed_at) VALUES (gen_random_uuid(), $1, 'passkey', 'mine', now())`,
    [squatter.userId],
  )
  const { login_token, code } = await requestLoginMail(world, victim)
  const reply = await confirm(client, { login_token, code })
  t.is(reply.status, 200, reply.text)
  t.like(reply.body.user, { id: squatter.userId, email: victim, email_verified: true })
  t.is((await client.get('me', { token: reply.body.access_token })).status, 200)

  for (const at of [client, other.client]) {
    t.is((await at.get('me', { token: squatter.access })).status, 401)
    t.is((await at.post('refresh', { refresh_token: squatter.refresh })).status, 401)
  }
  t.is((await client.post('login', { email: victim, password })).status, 401)
  t.is((await client.post('confirm-email', { token: move.token })).status, 401)
  t.is((await client.post('verify-reset-token', { token: reset.token })).status, 401)
  t.deepEqual(await sql('SELECT 1 FROM factors WHERE user_id = $1', [squatter.userId]), [])
  const { body: sessions } = await client.get('sessions', { token: reply.body.access_token })
  t.is(sessions.data.length, 1)
  const events = await sql(
    `SELECT data FROM audit_events WHERE type = 'user.email_verified' AND user_id = $1`,
    [squatter.userId],
  )
  t.deepEqual(events, [
    {
      data: {
        before: { email_verified: false, has_password: true },
        after: { email_verified: true, has_password: false },
      },
    },
  ])
})

test('the link is opened five times by GET and by HEAD → a page without code, script, form or effect', async t => {
  const { email, access } = await aVerifiedAccount(world)
  const { login_token, code, token, path } = await requestLoginMail(world, email)
  for (let i = 0; i < 5; i++) {
    for (const method of ['GET', 'HEAD']) {
      const { status, headers, text } = await client.send(method, path)
      t.is(status, 200)
      t.is(headers.get('set-cookie'), null)
      t.false(text.includes(code) || text.includes(token))
      t.notRegex(text, /<script|<form|<a |<img|http-equiv/)
      const policy = headers.get('content-security-policy') ?? ''
      t.regex(policy, /^default-src 'none'; style-src 'sha256-/)
      t.notRegex(policy, /script-src|connect-src/)
    }
  }
  const { body } = await client.get('sessions', { token: access })
  t.is(body.data.length, 1, 'no session began')
  t.is((await confirm(client, { login_token, code })).status, 200, 'the code still works')
})

test('the page of the link in each language → says where the code belongs, also for an unknown token', async t => {
  for (const [lang, words] of [
    ['en', 'Enter the code where you asked for it'],
    ['es', 'Introduce el código donde lo pediste'],
    ['ar', 'يُرجى إدخال الرمز حيث طلبته'],
  ] as const)
    t.true((await client.get(`login-code?token=x&lang=${lang}`)).text.includes(words), lang)
})

test('EMAIL_LOGIN=off → none of the routes exists, and the API document lacks them', async t => {
  const { email } = await anAccount(client)
  t.is((await off.client.post('login/email', { email })).status, 404)
  t.is((await confirm(off.client, { login_token: 'x', code: '12345678' })).status, 404)
  t.is((await off.client.get('login-code?token=x')).status, 404)
  const { text } = await off.client.get('/openapi.json')
  t.false(text.includes('/auth/login/email'))
  t.true((await client.get('/openapi.json')).text.includes('/auth/login/email/confirm'))
})
