import anyTest from 'ava'
import { pagePolicy } from '../../../src/platform/pages/page-policy.ts'
import { showPasswordScript } from '../../../src/platform/pages/page-script.ts'
import { anAccount } from '../../fixtures.ts'
import { openPools, sendSimultaneously, statusesOf, times } from '../../simultaneous.ts'
import { plainTheme } from '../../theme.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'
import {
  type MailedToken,
  newPassword,
  requestEmailChangeMail,
  requestResetMail,
  submitForm,
  userWithResetMail,
} from './user-with-reset-mail.ts'

// A password reset: works once per email, repeats its reply for the same request, and revokes what the old password
// opened.

const test = anyTest.serial

const world = await openWorld({ worker: true })
const other = await world.instance()
await openPools(world, other)
const resetLinkExpiresWorld = await openWorld({ worker: true })
const resetLinkExpiresOther = await resetLinkExpiresWorld.instance()
anyTest.after.always(async () => {
  for (const each of [world, resetLinkExpiresWorld]) await each[Symbol.asyncDispose]()
})

{
  // The link and the code of an email reset the password once, also if both are used in parallel at two instances.

  const noticesTo = (email: string) =>
    world.sql(`SELECT 1 FROM emails WHERE recipient = $1 AND kind = 'password_changed'`, [email])

  for (const [first, second] of [
    ['token', 'token'],
    ['token', 'code'],
    ['code', 'token'],
    ['code', 'code'],
  ] as const)
    test(`${first} of a reset email used → its ${second} cannot set a different password`, async t => {
      const { email, reset } = await userWithResetMail(world)
      const bodies = { token: { token: reset.token }, code: { email, code: reset.code } }
      const body = { ...bodies[first], new_password: newPassword }
      t.is((await world.client.post('reset-password', body)).status, 204)
      const again = { ...bodies[second], new_password: 'yet another 5 words' }
      const reply = await other.client.post('reset-password', again)
      t.is(reply.status, 401)
      t.is(reply.body.code, 'INVALID_TOKEN')
      t.is((await world.client.post('login', { email, password: newPassword })).status, 200)
      t.is((await noticesTo(email)).length, 1)
    })

  /** Requests another reset after the notice of the first one has arrived. */
  const resetAgain = async (email: string) => {
    await world.mails.to(email, 3)
    return requestResetMail(world, email)
  }
  const repeatsReply = async (email: string, bodies: object[]) => {
    for (const presented of bodies) {
      const reply = await other.client.post('reset-password', { ...presented, new_password: newPassword })
      if (reply.status !== 204 || reply.text !== '' || reply.headers.get('set-cookie') !== null) return false
    }
    return (await noticesTo(email)).length === 1
  }

  test('same token or code with the same password → 204 again, one event, one email, no session ended', async t => {
    const { email, userId, reset } = await userWithResetMail(world)
    const { token, code } = reset
    const presented = [{ token }, { email, code }]
    t.is((await world.client.post('reset-password', { token, new_password: newPassword })).status, 204)
    const { body } = await world.client.post('login', { email, password: newPassword })
    t.true(await repeatsReply(email, presented))
    t.is((await world.client.get('me', { token: body.access_token })).status, 200)
    const events = await world.sql(
      `SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'password.reset'`,
      [userId],
    )
    t.is(events.length, 1)
    const check = await world.client.post('verify-reset-token', { token })
    t.is(check.body.code, 'INVALID_TOKEN', 'the used token sets no other password')
    // The reply stays the same after a newer email has replaced the token, or Redis has lost it.
    await resetAgain(email)
    t.true(await repeatsReply(email, [{ token }]))
    await world.redis.del(world.keys.oneTimeToken(userId, 'reset_password'))
    t.true(await repeatsReply(email, [{ token }]))
  })

  test('20 simultaneous resets with the same token and password → 204 each, one event, one email', async t => {
    const { email, userId, reset } = await userWithResetMail(world)
    const body = { token: reset.token, new_password: newPassword }
    const replies = await sendSimultaneously(
      [world.url, other.url],
      times(20, { path: 'reset-password', body }),
    )
    t.deepEqual(statusesOf(replies), { 204: 20 })
    t.is((await noticesTo(email)).length, 1)
    const [row] = await world.sql<{ session_epoch: number }>('SELECT * FROM users WHERE id = $1', [userId])
    t.is(row?.session_epoch, 1)
  })

  type Account = { email: string; userId: string }
  const changes: [condition: string, change: (account: Account) => Promise<unknown>][] = [
    [
      'the password was changed',
      async ({ email }) => {
        const { body } = await world.client.post('login', { email, password: newPassword })
        const change = { current_password: newPassword, new_password: 'yet another 5 words' }
        return world.client.post('change-password', change, { token: body.access_token })
      },
    ],
    [
      'another reset set the same password',
      async ({ email }) => {
        const { token } = await resetAgain(email)
        return world.client.post('reset-password', { token, new_password: newPassword })
      },
    ],
    ['the password was removed', ({ userId }) => set(userId, 'password_hash = NULL')],
    ['the account was deactivated', ({ userId }) => set(userId, 'is_active = false')],
    ['the account got another address', ({ userId }) => set(userId, `email = 'new-' || email`)],
  ]
  const set = (userId: string, columns: string) =>
    world.sql(`UPDATE users SET ${columns} WHERE id = $1`, [userId])
  for (const [condition, change] of changes)
    test(`same token and password again after ${condition} → 401`, async t => {
      const account = await userWithResetMail(world)
      const body = { token: account.reset.token, new_password: newPassword }
      for (let i = 0; i < 2; i++) t.is((await world.client.post('reset-password', body)).status, 204)
      await change(account)
      const reply = await world.client.post('reset-password', body)
      t.is(reply.status, 401)
      t.is(reply.body.code, 'INVALID_TOKEN')
    })

  test('100 wrong passwords with a used token → the repeat returns 401, and login still works', async t => {
    const { email, reset } = await userWithResetMail(world)
    const { token } = reset
    const limited = await world.instance({ RATE_LIMITS: 'anonymous=1000/15m' })
    const repeat = () => limited.client.post('reset-password', { token, new_password: newPassword })
    t.is((await repeat()).status, 204)
    t.is((await repeat()).status, 204, 'the right password does not count as a guess')
    const guesses = Array.from({ length: 100 }, (_, i) => ({
      path: 'reset-password',
      body: { token, new_password: `a guess of number ${i}` },
    }))
    t.deepEqual(statusesOf(await sendSimultaneously([limited.url], guesses)), { 401: 100 })
    t.is((await repeat()).status, 401)
    t.is((await world.client.post('login', { email, password: newPassword })).status, 200)
  })

  for (const [way, byCode] of [
    ['token', () => false],
    ['code', () => true],
    ['token or code', i => i % 7 > 3],
  ] as [string, (i: number) => boolean][])
    test(`40 simultaneous resets by ${way} at two instances → one succeeds, and one notice is sent`, async t => {
      const { email, userId, access, reset } = await userWithResetMail(world)
      const epoch = async () => {
        const [row] = await world.sql<{ session_epoch: number }>('SELECT * FROM users WHERE id = $1', [
          userId,
        ])
        return Number(row?.session_epoch)
      }
      const before = await epoch()
      const passwords = Array.from({ length: 40 }, (_, i) => `a new phrase number ${i}`)
      const replies = await sendSimultaneously(
        [world.url, other.url],
        passwords.map((new_password, i) => ({
          path: 'reset-password',
          body: { ...(byCode(i) ? { email, code: reset.code } : { token: reset.token }), new_password },
        })),
      )
      const statuses = replies.map(({ status }) => status)
      t.deepEqual([...statuses].sort(), [204, ...Array(39).fill(401)])
      const winner = passwords[statuses.indexOf(204)]
      for (const password of passwords)
        t.is((await world.client.post('login', { email, password })).status, password === winner ? 200 : 401)
      t.is((await noticesTo(email)).length, 1)
      t.is(await epoch(), before + 1)
      t.is((await other.client.get('me', { token: access })).status, 401)
    })

  test('token marked as used in Postgres but not in Redis → 401', async t => {
    const { email, password, reset } = await userWithResetMail(world)
    await world.sql(
      `UPDATE emails SET proof_spent_at = now() WHERE recipient = $1 AND kind = 'reset_password'`,
      [email],
    )
    const body = { token: reset.token, new_password: newPassword }
    t.is((await world.client.post('reset-password', body)).status, 401)
    t.is((await world.client.post('login', { email, password })).status, 200)
  })

  test('weak new password → 400 with the broken rule; token and session stay valid', async t => {
    const { email, access, password, reset } = await userWithResetMail(world, {
      full_name: 'Ada King Lovelace 1',
    })
    const weak: [string, string][] = [
      ['zq9', 'too_short'],
      ['only letters here', 'needs_digit'],
      ['1234567890', 'needs_letter'],
      ['password1', 'too_common'],
      [email, 'same_as_email'],
      ['ada king lovelace 1', 'same_as_name'],
    ]
    for (const [new_password, rule] of weak) {
      const { status, body, text } = await world.client.post('reset-password', {
        token: reset.token,
        new_password,
      })
      t.is(status, 400)
      t.is(body.code, 'VALIDATION_ERROR')
      t.like(body.errors[0], { path: 'new_password', rule })
      t.false(text.includes(new_password))
    }
    t.is((await world.client.get('me', { token: access })).status, 200)
    t.is((await world.client.post('login', { email, password })).status, 200)
    const byCode = { email, code: reset.code }
    t.is((await world.client.post('reset-password', { ...byCode, new_password: 'a1' })).status, 400)
    t.is((await world.client.post('reset-password', { ...byCode, new_password: newPassword })).status, 204)
  })

  test('invalid token with a weak password → 401, before the password is validated', async t => {
    const body = { token: `lkp_${'A'.repeat(64)}`, new_password: 'a1' }
    t.is((await world.client.post('reset-password', body)).status, 401)
  })

  test('account moved to another address → the link sent to the old address is dead', async t => {
    const { email, userId, reset } = await userWithResetMail(world)
    await world.sql('UPDATE users SET email = $2 WHERE id = $1', [userId, `new-${email}`])
    const body = { token: reset.token, new_password: newPassword }
    t.is((await world.client.post('reset-password', body)).status, 401)
  })

  test('token or code of one account combined with the id or address of another → 401', async t => {
    const [mine, yours] = [await userWithResetMail(world), await userWithResetMail(world)]
    const bytes = (token: string) => Buffer.from(token.slice(4), 'base64url')
    const forged = Buffer.concat([
      bytes(yours.reset.token).subarray(0, 16),
      bytes(mine.reset.token).subarray(16),
    ])
    const token = `lkp_${forged.toString('base64url')}`
    t.is((await world.client.post('reset-password', { token, new_password: newPassword })).status, 401)
    const byCode = { email: yours.email, code: mine.reset.code, new_password: newPassword }
    t.is((await world.client.post('reset-password', byCode)).status, 401)
  })
}

{
  // A user may reset the password because an attacker knows the old one. So the reset revokes everything it opened.

  type PresentedToken = { token: string } | { email: string; code: string }
  const ways: [string, (email: string, reset: MailedToken) => PresentedToken][] = [
    ['token', (_email, { token }) => ({ token })],
    ['address and code', (email, { code }) => ({ email, code })],
  ]

  type Tokens = { access_token: string; refresh_token: string }

  /** Signs in at two instances and refreshes one session. Returns all tokens, the replaced ones too. */
  const signIn = async (account: { email: string; password: string; access: string; refresh: string }) => {
    const { email, password, access, refresh } = account
    const logins = await Promise.all(
      [world, other, world].map(({ client }) => client.post('login', { email, password })),
    )
    const started = logins.map(({ body }) => body as Tokens)
    const refreshed = await world.client.post('refresh', { refresh_token: started[0]?.refresh_token })
    const all = [...started, refreshed.body as Tokens, { access_token: access, refresh_token: refresh }]
    return { accesses: all.map(one => one.access_token), refreshes: all.map(one => one.refresh_token) }
  }

  for (const [way, presentedBy] of ways)
    test(`reset by ${way} → every session is revoked at every instance immediately`, async t => {
      const account = await userWithResetMail(world)
      const { accesses, refreshes } = await signIn(account)
      for (const token of accesses)
        for (const { client } of [world, other]) t.is((await client.get('me', { token })).status, 200)

      const body = { ...presentedBy(account.email, account.reset), new_password: newPassword }
      t.is((await world.client.post('reset-password', body)).status, 204)

      for (const { client } of [other, world]) {
        for (const token of accesses) {
          const reply = await client.get('me', { token })
          t.is(reply.status, 401)
          t.is(reply.body.code, 'SESSION_REVOKED')
        }
        for (const refresh_token of refreshes) {
          const reply = await client.post('refresh', { refresh_token })
          t.is(reply.status, 401)
          t.is(reply.body.code, 'INVALID_REFRESH_TOKEN')
        }
      }
    })

  test('Redis restores a session from before a reset → the session stays revoked', async t => {
    const { userId, sessionId, access, refresh, reset } = await userWithResetMail(world)
    const { redis, keys } = world
    const backup = await redis.hgetall(keys.session(userId, sessionId))
    t.truthy(backup.current)
    const body = { token: reset.token, new_password: newPassword }
    t.is((await world.client.post('reset-password', body)).status, 204)
    await redis.hset(keys.session(userId, sessionId), backup)
    t.is((await world.client.get('me', { token: access })).status, 401)
    t.is((await world.client.post('refresh', { refresh_token: refresh })).status, 401)
  })

  test('reset → old password fails, new one works, and the reset itself creates no session', async t => {
    const { email, userId, password, reset } = await userWithResetMail(world)
    const body = { token: reset.token, new_password: newPassword }
    const reply = await world.client.post('reset-password', body)
    t.is(reply.status, 204)
    t.is(reply.text, '')
    t.is(reply.headers.get('set-cookie'), null)
    t.is(await world.redis.zcard(world.keys.sessions(userId)), 0)

    const old = await world.client.post('login', { email, password })
    t.is(old.status, 401)
    t.is(old.body.code, 'INVALID_CREDENTIALS')
    const { status, body: session } = await other.client.post('login', { email, password: newPassword })
    t.is(status, 200)
    t.is((await world.client.get('me', { token: session.access_token })).status, 200)
  })

  test('reset → address verified, change date set, audit event recorded, verification link dead', async t => {
    const { userId, access, verification, reset } = await userWithResetMail(world)
    t.false((await world.client.get('me', { token: access })).body.email_verified)
    const body = { token: reset.token, new_password: newPassword }
    t.is((await world.client.post('reset-password', body)).status, 204)
    const [user] = await world.sql<{ email_verified: boolean; last_password_change_at: Date | null }>(
      'SELECT email_verified, last_password_change_at FROM users WHERE id = $1',
      [userId],
    )
    t.true(user?.email_verified)
    t.true(Math.abs(Date.now() - (user?.last_password_change_at?.getTime() ?? 0)) < 60_000)
    const events = await world.sql(
      `SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'password.reset'`,
      [userId],
    )
    t.is(events.length, 1)
    t.is((await world.client.post('verify-email', { token: verification.token })).status, 401)
  })

  test('reset → notice by email with IP and device, without password or token', async t => {
    const { email, reset } = await userWithResetMail(world)
    const headers = { 'user-agent': 'Lynx/2.9' }
    const body = { token: reset.token, new_password: newPassword }
    t.is((await world.client.post('reset-password', body, { headers })).status, 204)
    const { mail, link, code, to } = await world.mails.to(email, 3)
    t.deepEqual(to, [email])
    t.is(mail.subject, 'Security notice: your password was changed')
    t.regex(mail.text ?? '', /127\.0\.0\.1/)
    t.regex(mail.text ?? '', /Lynx/)
    t.is(link + code, '')
    t.false(`${mail.text}${mail.html}`.includes(newPassword))
  })

  test('reset → verification link and pending email change (link and code) are dead', async t => {
    const account = await userWithResetMail(world)
    const newEmail = `new-${account.email}`
    const move = await requestEmailChangeMail(world, account, newEmail)
    const body = { token: account.reset.token, new_password: newPassword }
    t.is((await world.client.post('reset-password', body)).status, 204)

    const { client } = world
    t.is((await client.post('verify-email', { token: account.verification.token })).status, 401)
    t.is((await client.post('confirm-email', { token: move.token })).status, 401)
    t.is((await client.post('confirm-email', { email: newEmail, code: move.code })).status, 401)
    const login = await client.post('login', { email: account.email, password: newPassword })
    t.is(login.body.user.email, account.email)
  })

  test('reset of one account → sessions of another user continue', async t => {
    const otherUser = await anAccount(world.client)
    const { reset } = await userWithResetMail(world)
    const body = { token: reset.token, new_password: newPassword }
    t.is((await world.client.post('reset-password', body)).status, 204)
    t.is((await world.client.get('me', { token: otherUser.access })).status, 200)
    t.is((await world.client.post('refresh', { refresh_token: otherUser.refresh })).status, 200)
  })

  test('deletion requested after the reset email → the reset link is dead, and the deletion stays', async t => {
    const { userId, password, access: token, reset } = await userWithResetMail(world)
    t.is((await world.client.send('DELETE', 'me', { body: { password }, token })).status, 204)
    const body = { token: reset.token, new_password: newPassword }
    t.is((await world.client.post('reset-password', body)).status, 401)
    const rows = await until('the row with its erasure date', () =>
      world.sql<{ erase_after: Date | null }>('SELECT erase_after FROM users WHERE id = $1', [userId]),
    )
    t.truthy(rows[0]?.erase_after)
  })
}

{
  // The page that the mailed link opens, for services without a front end. Mail scanners open it too.

  const { client } = world
  const confirm = 'reset-password/confirm'
  const form = (body: string, type = 'application/x-www-form-urlencoded', query = '') =>
    client.send('POST', `${confirm}${query}`, { body, headers: { 'content-type': type } })

  test('reset page: GET and HEAD do not consume the link; the form sets the password once, without login', async t => {
    const { email, password, access, reset } = await userWithResetMail(world)
    const { path } = reset
    for (const method of ['GET', 'GET', 'HEAD', 'GET']) {
      const { status, text } = await client.send(method, path)
      t.is(status, 200)
      t.is(text === '', method === 'HEAD')
    }
    t.is((await client.get('me', { token: access })).status, 200)
    t.is((await client.post('login', { email, password })).status, 200)

    const page = (await client.get(path)).text
    const submitted = await submitForm(client, { path, page }, { new_password: newPassword })
    t.is(submitted.status, 303)
    t.is(submitted.headers.get('set-cookie'), null)
    t.is(submitted.headers.get('location'), 'http://latchkey.test/api/v1/auth/password-reset?lang=en')
    const done = await client.get('password-reset?lang=en')
    t.is(done.status, 200)
    t.regex(done.text, /Your password is changed/)
    t.is((await client.get('me', { token: access })).status, 401)
    t.is((await client.post('login', { email, password })).status, 401)
    t.is((await client.post('login', { email, password: newPassword })).status, 200)

    const secondTime = await submitForm(client, { path, page }, { new_password: 'yet another 5 words' })
    t.is(secondTime.status, 401)
    t.regex(secondTime.headers.get('content-type') ?? '', /^text\/html/)
    t.regex(secondTime.text, /This password link is no longer valid/)
    t.is((await client.get(path)).status, 401)
    t.is((await client.post('login', { email, password: newPassword })).status, 200)
  })

  test('rejected password → the form appears again with reason and token, and a good one then works', async t => {
    const { email, access, reset } = await userWithResetMail(world)
    const { path, token } = reset
    const first = (await client.get(path)).text
    const short = await submitForm(client, { path, page: first }, { new_password: 'a1' })
    t.is(short.status, 400)
    t.regex(short.headers.get('content-type') ?? '', /^text\/html/)
    t.regex(short.text, /role="alert">This password is too short: it needs at least 8 characters/)
    t.true(short.text.includes(`name="token" value="${token}"`))
    t.false(short.text.includes('value="a1"'))
    t.is((await client.get('me', { token: access })).status, 200)

    // After the first submission the address of the page is the form's action.
    const formPath = `/api/v1/auth/${confirm}?lang=en`
    const common = await submitForm(
      client,
      { path: formPath, page: short.text },
      { new_password: 'password1' },
    )
    t.is(common.status, 400)
    t.regex(common.text, /too common and easy to guess/)
    const long = await submitForm(
      client,
      { path: formPath, page: common.text },
      { new_password: 'a1'.repeat(200) },
    )
    t.is(long.status, 400)
    t.regex(long.text, /too long/)
    const empty = await submitForm(client, { path: formPath, page: long.text }, {})
    t.is(empty.status, 400)
    t.is(
      (await submitForm(client, { path: formPath, page: empty.text }, { new_password: newPassword })).status,
      303,
    )
    t.is((await client.post('login', { email, password: newPassword })).status, 200)
  })

  test('password with spaces, signs or other scripts → stored exactly as typed', async t => {
    const { email, reset } = await userWithResetMail(world)
    const odd = '  ключ & +%41=1 "😀"<b>  '
    const page = (await client.get(reset.path)).text
    t.is((await submitForm(client, { path: reset.path, page }, { new_password: odd })).status, 303)
    t.is((await client.post('login', { email, password: odd })).status, 200)
    t.is((await client.post('login', { email, password: odd.trim() })).status, 401)
  })

  test('valid link → the page shows the address; invalid link of the same account → it does not', async t => {
    const { email, reset } = await userWithResetMail(world)
    const { path, token } = reset
    const good = await client.get(path)
    t.true(good.text.includes(` autocomplete="username" value="${email}" readonly`))
    const short = await submitForm(client, { path, page: good.text }, { new_password: 'a1' })
    t.true(short.text.includes(` autocomplete="username" value="${email}" readonly`))
    const guessed = `${token.slice(0, -8)}AAAAAAAA`
    for (const bad of [guessed, `lkp_${'A'.repeat(64)}`]) {
      const page = await client.get(path.replace(token, bad))
      t.is(page.status, 401)
      t.false(page.text.includes(email))
      t.false(page.text.includes('new_password'))
    }
  })

  test('reset pages → not cached, not framed, no script but the show-password script', async t => {
    const { reset } = await userWithResetMail(world)
    const { path, token } = reset
    const good = await client.get(path)
    const bad = await client.get(path.replace(token, `lkp_${'A'.repeat(64)}`))
    const refused = await form(`token=${token}&new_password=a1`)
    const invalid = await form('token=x&new_password=a1')
    const pages = [good, bad, refused, invalid, await client.get('password-reset')]
    t.deepEqual(
      pages.map(({ status }) => status),
      [200, 401, 400, 401, 200],
    )
    for (const { headers, text } of pages) {
      t.is(headers.get('cache-control'), 'no-store')
      t.is(headers.get('referrer-policy'), 'no-referrer')
      t.is(headers.get('x-content-type-options'), 'nosniff')
      const script = text.includes('id="new_password"') ? showPasswordScript : null
      t.is(
        headers.get('content-security-policy'),
        pagePolicy({ config: { FRONTEND_URL: undefined }, theme: plainTheme, script }),
      )
      t.notRegex(
        text.replace(`<script>${showPasswordScript}</script>`, ''),
        /<script|<img|<link|src=|href=|\son\w+=/,
      )
    }
  })

  test('form with another content type or other fields → rejected, and the token is not consumed', async t => {
    const { email, password, reset } = await userWithResetMail(world)
    const { token } = reset
    const good = `token=${token}&new_password=a+wholly+new+7+phrase`
    t.is((await form(good, 'text/plain')).status, 415)
    t.is((await form(JSON.stringify({ token, new_password: newPassword }), 'application/json')).status, 415)
    t.is((await form(good, 'multipart/form-data; boundary=x')).status, 415)
    t.is((await form(`${good}&email=evil@example.com`)).status, 400)
    t.is((await form(`${good}&new_password=b`)).status, 400)
    t.is((await form(`token=a&${good}`)).status, 401)
    t.is((await form(`token[]=${token}&new_password=a+wholly+new+7+phrase`)).status, 401)
    t.is((await form('')).status, 401)
    t.is((await client.send('GET', `${confirm}?${good}`)).status, 405, 'a link cannot submit the form')
    t.is((await client.post('login', { email, password })).status, 200)
    t.is((await form(good)).status, 303)
  })

  const dirs = { en: 'ltr', es: 'ltr', ar: 'rtl' }
  const titles = {
    en: 'Choose a new password',
    es: 'Elige una contraseña nueva',
    ar: 'اختيار كلمة مرور جديدة',
  }
  const alreadyTitles = {
    en: 'Your password is already changed',
    es: 'Tu contraseña ya ha cambiado',
    ar: 'تغيّرت كلمة المرور بالفعل',
  }
  for (const lang of ['en', 'es', 'ar'] as const)
    test(`reset email in ${lang} → its page, errors and redirects are in ${lang}`, async t => {
      const { email, reset } = await userWithResetMail(world, { preferred_language: lang })
      t.regex(reset.caught.mail.html ?? '', new RegExp(`<html lang="${lang}" dir="${dirs[lang]}"`))
      const { path } = reset
      const htmlTag = `<html lang="${lang}" dir="${dirs[lang]}">`
      const page = (await client.get(path)).text
      t.true(page.includes(htmlTag))
      t.true(page.includes(`<h1>${titles[lang]}</h1>`))
      const refused = await submitForm(client, { path, page }, { new_password: 'a1' })
      t.true(refused.text.includes(htmlTag))
      t.regex(refused.text, /role="alert">[^<]*8/)
      const formPath = `/api/v1/auth/${confirm}?lang=${lang}`
      const submitted = await submitForm(
        client,
        { path: formPath, page: refused.text },
        { new_password: newPassword },
      )
      t.is(submitted.status, 303)
      const location = submitted.headers.get('location') ?? ''
      t.true((await client.get(location.slice('http://latchkey.test'.length))).text.includes(htmlTag))
      t.is((await client.post('login', { email, password: newPassword })).status, 200)
      const again = await submitForm(client, { path, page }, { new_password: newPassword })
      const already = again.headers.get('location') ?? ''
      t.is(already, `${location}&again=1`)
      const alreadyPage = (await client.get(already.slice('http://latchkey.test'.length))).text
      t.true(alreadyPage.includes(htmlTag))
      t.true(alreadyPage.includes(`<h1>${alreadyTitles[lang]}</h1>`))
      const other = await submitForm(client, { path, page }, { new_password: 'yet another 5 words' })
      t.is(other.status, 401)
      t.true(other.text.includes(htmlTag))
    })

  const markup = '"><script>alert(1)</script>'
  const hostile: [string, string][] = [
    ['markup as a token', `token=${encodeURIComponent(markup)}`],
    ['quotes as a token', `token=${encodeURIComponent(`' autofocus onfocus='x' "`)}`],
    ['markup as a language', `token=x&lang=${encodeURIComponent(markup)}`],
    ['an attribute injection', `token=x&lang=${encodeURIComponent('en" formaction="https://evil.example')}`],
    ['a template placeholder', `token=${encodeURIComponent('{{action}}{{min}}')}&lang={{t.locale}}`],
    ['__proto__ as a language', 'token=x&lang=__proto__'],
    ['__proto__ as a name', '__proto__=x&__proto__[token]=y&constructor[prototype][token]=z'],
    ['a token twice', 'token=lkp_a&token=lkp_b'],
    ['a token as a list', 'token[]=a&token[b]=c&lang[]=es'],
    ['10 kB of token', `token=${'A'.repeat(10_000)}`],
    ['line breaks', 'token=a%0d%0aSet-Cookie:%20x=y&lang=en%0d%0aX-Evil:%201'],
    ['a redirect to another site', 'token=x&redirect=https://evil.example&action=https://evil.example'],
    ['no token', ''],
  ]
  for (const [name, query] of hostile)
    test(`link with ${name} → a page that asks for an address and echoes nothing of the link`, async t => {
      const path = `/api/v1/auth/reset-password?${query}`
      const { status, text, headers } = await client.get(path)
      t.is(status, 401)
      t.regex(headers.get('content-type') ?? '', /^text\/html/)
      t.is(text.match(/<form /g)?.length, 1)
      t.is(text.match(/<input /g)?.length, 1)
      t.notRegex(text, /<script|evil\.example|\{\{|\sonfocus='|AAAA|lkp_/)
      t.regex(text, /action="forgot-password\/confirm\?lang=(en|es|ar)"/)
      t.is(headers.get('set-cookie'), null)
      t.is(headers.get('x-evil'), null)
      const token = new URLSearchParams(query).get('token') ?? ''
      const submitted = await form(new URLSearchParams({ token, new_password: newPassword }).toString())
      t.is(submitted.status, 401)
      t.notRegex(submitted.text, /<script|evil/)
    })

  test('rejected token with markup → the error page does not echo it', async t => {
    const posted = new URLSearchParams({ token: markup, new_password: 'a1' }).toString()
    const { status, text } = await form(posted, undefined, `?lang=${encodeURIComponent(markup)}`)
    t.is(status, 401)
    t.notRegex(text, /<script|alert\(1\)/)
  })
}

{
  const world = resetLinkExpiresWorld
  const other = resetLinkExpiresOther
  const hour = 3_600_000

  test('reset link and code → valid for one hour after the request, then 401', async t => {
    t.teardown(() => world.travel(0))
    const usedInTime = await userWithResetMail(world)
    const expired = await userWithResetMail(world)
    const { token, code, path } = expired.reset
    const { email, password } = expired

    await world.travel(hour - 60_000)
    const { status, body } = await world.client.post('verify-reset-token', { token })
    t.is(status, 200)
    const left = Date.parse(body.expires_at) - Date.now() - world.clock.shift
    t.true(left > 0 && left <= 60_000, 'at most one minute is left')
    const inTime = { token: usedInTime.reset.token, new_password: newPassword }
    t.is((await world.client.post('reset-password', inTime)).status, 204)

    await world.travel(hour + 1000)
    for (const { client } of [world, other])
      for (const presented of [{ token }, { email, code }]) {
        t.is((await client.post('verify-reset-token', presented)).status, 401)
        const reply = await client.post('reset-password', { ...presented, new_password: newPassword })
        t.is(reply.status, 401)
        t.is(reply.body.code, 'INVALID_TOKEN')
      }
    t.is((await world.client.get(path)).status, 401)
    t.is((await world.client.post('login', { email, password })).status, 200)
  })
}
