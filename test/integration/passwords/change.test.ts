import anyTest from 'ava'
import { anAccount, opaqueToken } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import { newPassword, requestEmailChangeMail, userWithResetMail } from './user-with-reset-mail.ts'

// A password change revokes sessions, mailed links and cookies.

const test = anyTest.serial

const world = await openWorld({ worker: true, env: { PUBLIC_URL: 'https://latchkey.test' } })
const other = await world.instance()
const limitedWorld = await openWorld({
  env: { RATE_LIMITS: 'login=5/15m,change_password=4/15m,password_changed=3/1h' },
})
anyTest.after.always(async () => {
  for (const each of [world, limitedWorld]) await each[Symbol.asyncDispose]()
})

{
  // A user may change the password because an attacker knows it. So the change revokes everything that the old password
  // opened, also the tokens of the session that requests it, because the attacker may hold them.

  const { client } = world
  const change = (token: string | undefined, current: string, next = newPassword, method = 'POST') =>
    client.send(method, 'change-password', { token, body: { current_password: current, new_password: next } })

  for (const method of ['POST', 'PUT'])
    test(`${method} change-password → every session ends and a new one starts`, async t => {
      const { email, password, access, refresh, sessionId } = await anAccount(client)
      const { body: otherDevice } = await other.client.post('login', { email, password })
      const { body: renewed } = await client.post('refresh', { refresh_token: refresh })
      t.is((await other.client.get('me', { token: access })).status, 200)

      const reply = await change(renewed.access_token, password, newPassword, method)
      t.is(reply.status, 200)
      t.is(reply.headers.get('cache-control'), 'no-store')
      t.is(reply.headers.get('set-cookie'), null)
      t.is(reply.body.user.email, email)
      t.not(reply.body.session_id, sessionId)

      for (const at of [other.client, client]) {
        for (const token of [access, renewed.access_token, otherDevice.access_token]) {
          const refused = await at.get('me', { token })
          t.is(refused.status, 401)
          t.is(refused.body.code, 'SESSION_REVOKED')
        }
        for (const refresh_token of [refresh, renewed.refresh_token, otherDevice.refresh_token])
          t.is((await at.post('refresh', { refresh_token })).status, 401)
      }

      const { access_token: token, refresh_token } = reply.body
      t.is((await other.client.get('me', { token })).status, 200)
      const next = await other.client.post('refresh', { refresh_token })
      t.is(next.status, 200)
      t.is(next.body.session_id, reply.body.session_id)
      const { body: sessions } = await client.get('sessions', { token })
      t.deepEqual(
        sessions.data.map(({ id }: { id: string }) => id),
        [reply.body.session_id],
      )
      t.is((await client.post('login', { email, password })).status, 401)
      t.is((await client.post('login', { email, password: newPassword })).status, 200)
    })

  test('Redis restores a session from before a password change → the session stays revoked', async t => {
    const { userId, sessionId, password, access, refresh } = await anAccount(client)
    const { redis, keys } = world
    const backup = await redis.hgetall(keys.session(userId, sessionId))
    t.truthy(backup.current)
    t.is((await change(access, password)).status, 200)
    await redis.hset(keys.session(userId, sessionId), backup)
    t.is((await client.get('me', { token: access })).status, 401)
    t.is((await client.post('refresh', { refresh_token: refresh })).status, 401)
  })

  test('wrong current password → 403, not 401 (which makes clients refresh), and nothing changes', async t => {
    const { email, password, access, refresh } = await anAccount(client)
    for (const wrong of ['wrong horse 9', `${password} `, password.toUpperCase(), newPassword]) {
      const reply = await change(access, wrong)
      t.is(reply.status, 403)
      t.is(reply.body.code, 'INVALID_CURRENT_PASSWORD')
      t.is(reply.body.access_token, undefined)
    }
    t.is((await client.get('me', { token: access })).status, 200)
    t.is((await client.post('refresh', { refresh_token: refresh })).status, 200)
    t.is((await client.post('login', { email, password })).status, 200)
    t.is((await client.post('login', { email, password: newPassword })).status, 401)
  })

  test('weak new password → 400 with the broken rule, but only if the current password is correct', async t => {
    const { email, password, access } = await anAccount(client)
    const weak: [string, string][] = [
      ['zq9', 'too_short'],
      ['only letters here', 'needs_digit'],
      ['password1', 'too_common'],
      [email, 'same_as_email'],
    ]
    for (const [next, rule] of weak) {
      const { status, body, text } = await change(access, password, next)
      t.is(status, 400)
      t.like(body, { code: 'VALIDATION_ERROR' })
      t.like(body.errors[0], { path: 'new_password', rule })
      t.false(text.includes(next))
      t.is((await change(access, 'wrong horse 9', next)).status, 403)
    }
    t.is((await client.get('me', { token: access })).status, 200)
    t.is((await client.post('login', { email, password })).status, 200)
  })

  test('change-password without a live session, or for another account → rejected', async t => {
    const victim = await anAccount(client)
    t.is((await change(undefined, victim.password)).status, 401)
    t.is((await change(victim.refresh, victim.password)).status, 401)
    const ended = await anAccount(client)
    await client.post('logout', {}, { token: ended.access })
    t.is((await change(ended.access, ended.password)).status, 401)

    const attacker = await anAccount(client)
    for (const extra of [
      { email: victim.email },
      { user_id: victim.userId },
      { id: victim.userId },
      { userId: 'x' },
    ]) {
      const body = { current_password: attacker.password, new_password: newPassword, ...extra }
      t.is((await client.post('change-password', body, { token: attacker.access })).status, 400)
    }
    t.is((await client.post('login', { email: victim.email, password: victim.password })).status, 200)
    t.is((await client.post('login', { email: ended.email, password: ended.password })).status, 200)
  })

  test('account without a password → change-password is rejected', async t => {
    const { userId, access, password } = await anAccount(client)
    await world.sql('UPDATE users SET password_hash = NULL WHERE id = $1', [userId])
    t.is((await change(access, password)).status, 403)
    t.is((await change(access, '')).status, 400)
  })

  test('password change → notice by email, a new change date and an audit event', async t => {
    const { email, userId, password, access } = await anAccount(client)
    await world.mails.to(email)
    const reply = await change(access, password)
    t.true(Math.abs(Date.parse(reply.body.user.last_password_change_at) - Date.now()) < 60_000)
    const { mail, link, code, to } = await world.mails.to(email, 2)
    t.deepEqual(to, [email])
    t.is(mail.subject, 'Security notice: your password was changed')
    t.regex(mail.text ?? '', /127\.0\.0\.1/)
    t.is(link + code, '')
    for (const secret of [password, newPassword]) t.false(`${mail.text}${mail.html}`.includes(secret))
    const events = await world.sql(
      `SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'password.changed'`,
      [userId],
    )
    t.is(events.length, 1)
  })

  test('password change → earlier mailed links and codes for a reset or an email change are dead', async t => {
    const account = await userWithResetMail(world)
    const { email, password, access, reset } = account
    const newEmail = `new-${email}`
    const move = await requestEmailChangeMail(world, account, newEmail)
    t.is((await change(access, password)).status, 200)

    const attackerPassword = 'a phrase of a thief 3'
    for (const presented of [{ token: reset.token }, { email, code: reset.code }]) {
      t.is((await client.post('verify-reset-token', presented)).status, 401)
      t.is(
        (await client.post('reset-password', { ...presented, new_password: attackerPassword })).status,
        401,
      )
    }
    for (const presented of [{ token: move.token }, { email: newEmail, code: move.code }])
      t.is((await client.post('confirm-email', presented)).status, 401)
    t.is((await client.post('login', { email, password: newPassword })).status, 200)
  })

  test('password change while a reset email is still queued → that email carries no live link', async t => {
    const { email, userId, password, access } = await anAccount(client)
    await world.mails.to(email)
    await world.sql(
      `INSERT INTO emails (id, kind, recipient, user_id, locale, sweep_after)
     VALUES (gen_random_uuid(), 'reset_password', $1, NULL, 'en', now() + interval '1 hour')`,
      [email],
    )
    t.is((await change(access, password)).status, 200)
    const [row] = await world.sql<{ proof_spent_at: Date | null }>(
      `SELECT proof_spent_at FROM emails WHERE recipient = $1 AND kind = 'reset_password'`,
      [email],
    )
    t.truthy(row?.proof_spent_at)
    t.is(await world.redis.exists(world.keys.oneTimeToken(userId, 'reset_password')), 0)
  })
}

{
  // A browser that keeps its refresh token in a cookie gets the new token there too. Its scripts never see the token.

  const { client } = world
  const cookiePattern =
    /^__Host-latchkey=(lkr_[\w-]+); Path=\/; HttpOnly; Secure; SameSite=Strict; Max-Age=(\d+)$/
  const cookieOf = (header: string | null) => `__Host-latchkey=${cookiePattern.exec(header ?? '')?.[1] ?? ''}`

  /** A browser that has signed in with the refresh token in a cookie. */
  const browserWithCookie = async () => {
    const { email, password } = await anAccount(client)
    const login = await client.post('login', { email, password, token_transport: 'cookie' })
    return {
      email,
      password,
      token: login.body.access_token as string,
      cookie: cookieOf(login.headers.get('set-cookie')),
    }
  }
  const bodyOf = (current: string) => ({ current_password: current, new_password: newPassword })
  const refresh = (cookie: string) =>
    client.post('refresh', {}, { headers: { cookie, origin: 'https://latchkey.test' } })

  test('change with the cookie of this session → the new refresh token is in the cookie, not in the body', async t => {
    const { password, token, cookie } = await browserWithCookie()
    const reply = await client.post('change-password', bodyOf(password), { token, headers: { cookie } })
    t.is(reply.status, 200)
    t.regex(reply.headers.get('set-cookie') ?? '', cookiePattern)
    t.false('refresh_token' in reply.body)
    t.notRegex(reply.text, opaqueToken)

    const fresh = cookieOf(reply.headers.get('set-cookie'))
    t.not(fresh, cookie)
    t.is((await refresh(cookie)).status, 401)
    t.is((await client.get('me', { token })).status, 401)
    const renewed = await refresh(fresh)
    t.is(renewed.status, 200)
    t.is(renewed.body.session_id, reply.body.session_id)
  })

  test('change with no cookie, a forged one or one of another session → the token is in the body', async t => {
    const otherBrowser = await browserWithCookie()
    for (const sent of [undefined, otherBrowser.cookie, '__Host-latchkey=lkr_x', '__Host-latchkey=']) {
      const { password, token } = await browserWithCookie()
      const headers: Record<string, string> = sent === undefined ? {} : { cookie: sent }
      const reply = await client.post('change-password', bodyOf(password), { token, headers })
      t.is(reply.status, 200)
      t.is(reply.headers.get('set-cookie'), null)
      t.regex(reply.body.refresh_token, /^lkr_/)
    }
    t.is((await refresh(otherBrowser.cookie)).status, 200, 'the session of the other browser continues')
  })

  test('change with a cookie but no access token → 401, and the password stays', async t => {
    const { email, password, cookie } = await browserWithCookie()
    const headers = { cookie, origin: 'https://latchkey.test' }
    t.is((await client.post('change-password', bodyOf(password), { headers })).status, 401)
    t.is((await client.post('login', { email, password })).status, 200)
  })

  test('rejected change → the cookie stays valid', async t => {
    const { token, cookie } = await browserWithCookie()
    const reply = await client.post('change-password', bodyOf('wrong horse 9'), {
      token,
      headers: { cookie },
    })
    t.is(reply.status, 403)
    t.is(reply.headers.get('set-cookie'), null)
    t.is((await refresh(cookie)).status, 200)
  })
}

{
  const world = limitedWorld
  // An attacker with a stolen access token must not be able to guess the password.

  test('guesses of the current password → counted before comparison, in a counter of their own', async t => {
    const { email, password, access: token } = await anAccount(world.client)
    const guess = (current: string, method = 'POST') =>
      world.client.send(method, 'change-password', {
        token,
        body: { current_password: current, new_password: newPassword },
      })
    const login = () => world.client.post('login', { email, password: 'wrong horse 9' })
    for (let i = 0; i < 5; i++) await login()
    t.is((await login()).status, 429)
    const replies = await Promise.all(
      Array.from({ length: 12 }, (_, i) => guess(`wrong horse ${i}`, i % 2 ? 'POST' : 'PUT')),
    )
    const statuses = replies.map(({ status }) => status).sort()
    t.deepEqual(statuses, [...Array(4).fill(403), ...Array(8).fill(429)])
    const late = await guess(password)
    t.is(late.status, 429, 'even the right password is rejected once the limit is reached')
    t.regex(late.headers.get('ratelimit') ?? '', /^"change_password";r=0;/)
    t.is((await world.client.get('me', { token })).status, 200)
  })

  test('more password changes than the limit allows → 429, and the password stays', async t => {
    const { email, password, access } = await anAccount(world.client)
    let [token, current] = [access, password]
    const change = (next: string) =>
      world.client.post('change-password', { current_password: current, new_password: next }, { token })
    for (let i = 0; i < 3; i++) {
      const next = `another horse ${i + 10}`
      const reply = await change(next)
      t.is(reply.status, 200)
      ;[token, current] = [reply.body.access_token, next]
    }
    t.is((await change('weak')).status, 400)
    const refused = await change('last horse 99')
    t.is(refused.status, 429)
    t.is(refused.body.code, 'RATE_LIMIT_EXCEEDED')
    t.true(Number(refused.headers.get('retry-after')) > 3500)
    t.is((await world.client.post('login', { email, password: 'last horse 99' })).status, 429)
    t.is((await world.client.get('me', { token })).status, 200)
  })
}
