import anyTest from 'ava'
import { anAccount } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import { newPassword, requestEmailChangeMail, userWithResetMail } from './user-with-reset-mail.ts'

// A change of the password ends sessions, links and cookies.

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
  // Who changes a password may fear that somebody knows it: everything that the old one opened ends, the tokens of this
  // very session too, which may be in other hands.

  const { client } = world
  const change = (token: string | undefined, current: string, next = newPassword, method = 'POST') =>
    client.send(method, 'change-password', { token, body: { current_password: current, new_password: next } })

  for (const method of ['POST', 'PUT'])
    test(`${method} changes the password, ends every session and begins a new one`, async t => {
      const { email, password, access, refresh, sessionId } = await anAccount(client)
      const { body: elsewhere } = await other.client.post('login', { email, password })
      const { body: renewed } = await client.post('refresh', { refresh_token: refresh })
      t.is((await other.client.get('me', { token: access })).status, 200)

      const reply = await change(renewed.access_token, password, newPassword, method)
      t.is(reply.status, 200)
      t.is(reply.headers.get('cache-control'), 'no-store')
      t.is(reply.headers.get('set-cookie'), null)
      t.is(reply.body.user.email, email)
      t.not(reply.body.session_id, sessionId)

      for (const at of [other.client, client]) {
        for (const token of [access, renewed.access_token, elsewhere.access_token]) {
          const refused = await at.get('me', { token })
          t.is(refused.status, 401)
          t.is(refused.body.code, 'SESSION_REVOKED')
        }
        for (const refresh_token of [refresh, renewed.refresh_token, elsewhere.refresh_token])
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

  test('sessions that a Redis brings back after a change are dead all the same', async t => {
    const { userId, sessionId, password, access, refresh } = await anAccount(client)
    const { redis, keys } = world
    const kept = await redis.hgetall(keys.session(userId, sessionId))
    t.truthy(kept.current)
    t.is((await change(access, password)).status, 200)
    await redis.hset(keys.session(userId, sessionId), kept)
    t.is((await client.get('me', { token: access })).status, 401)
    t.is((await client.post('refresh', { refresh_token: refresh })).status, 401)
  })

  test('a wrong current password is refused with 403, since a client meets a 401 by refreshing; nothing changes', async t => {
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

  test('a weak new password is refused with the rule, after the current one is known to be right', async t => {
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

  test('nobody changes a password without a live session, nor that of another', async t => {
    const victim = await anAccount(client)
    t.is((await change(undefined, victim.password)).status, 401)
    t.is((await change(victim.refresh, victim.password)).status, 401)
    const ended = await anAccount(client)
    await client.post('logout', {}, { token: ended.access })
    t.is((await change(ended.access, ended.password)).status, 401)

    const thief = await anAccount(client)
    for (const extra of [
      { email: victim.email },
      { user_id: victim.userId },
      { id: victim.userId },
      { userId: 'x' },
    ]) {
      const body = { current_password: thief.password, new_password: newPassword, ...extra }
      t.is((await client.post('change-password', body, { token: thief.access })).status, 400)
    }
    t.is((await client.post('login', { email: victim.email, password: victim.password })).status, 200)
    t.is((await client.post('login', { email: ended.email, password: ended.password })).status, 200)
  })

  test('an account without a password has none to change', async t => {
    const { userId, access, password } = await anAccount(client)
    await world.sql('UPDATE users SET password_hash = NULL WHERE id = $1', [userId])
    t.is((await change(access, password)).status, 403)
    t.is((await change(access, '')).status, 400)
  })

  test('the owner is told by a mail, and the change is dated and on record', async t => {
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

  test('links that were mailed before die: a reset by link and code, a move; so nobody who had them comes back', async t => {
    const account = await userWithResetMail(world)
    const { email, password, access, reset } = account
    const newEmail = `new-${email}`
    const move = await requestEmailChangeMail(world, account, newEmail)
    t.is((await change(access, password)).status, 200)

    const later = 'a phrase of a thief 3'
    for (const presented of [{ token: reset.token }, { email, code: reset.code }]) {
      t.is((await client.post('verify-reset-token', presented)).status, 401)
      t.is((await client.post('reset-password', { ...presented, new_password: later })).status, 401)
    }
    for (const presented of [{ token: move.token }, { email: newEmail, code: move.code }])
      t.is((await client.post('confirm-email', presented)).status, 401)
    t.is((await client.post('login', { email, password: newPassword })).status, 200)
  })

  test('a reset mail that was asked for and not yet written when the password changed carries no live link', async t => {
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
    t.is(await world.redis.exists(world.keys.proof(userId, 'reset_password')), 0)
  })
}

{
  // A browser that keeps its refresh token in a cookie gets the new one there, and its scripts never see it.

  const { client } = world
  const shape = /^__Host-latchkey=(lkr_[\w-]+); Path=\/; HttpOnly; Secure; SameSite=Strict; Max-Age=(\d+)$/
  const cookieOf = (header: string | null) => `__Host-latchkey=${shape.exec(header ?? '')?.[1] ?? ''}`

  /** Somebody who has signed in with the refresh token in a cookie. */
  const aBrowser = async () => {
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

  test('where the cookie of this session came along, the new refresh token goes there and not into the body', async t => {
    const { password, token, cookie } = await aBrowser()
    const reply = await client.post('change-password', bodyOf(password), { token, headers: { cookie } })
    t.is(reply.status, 200)
    t.regex(reply.headers.get('set-cookie') ?? '', shape)
    t.false('refresh_token' in reply.body)
    t.false(reply.text.includes('lkr_'))

    const fresh = cookieOf(reply.headers.get('set-cookie'))
    t.not(fresh, cookie)
    t.is((await refresh(cookie)).status, 401)
    t.is((await client.get('me', { token })).status, 401)
    const renewed = await refresh(fresh)
    t.is(renewed.status, 200)
    t.is(renewed.body.session_id, reply.body.session_id)
  })

  test('without the cookie, or with that of another session or a forged one, the body carries it', async t => {
    const stranger = await aBrowser()
    for (const sent of [undefined, stranger.cookie, '__Host-latchkey=lkr_x', '__Host-latchkey=']) {
      const { password, token } = await aBrowser()
      const headers: Record<string, string> = sent === undefined ? {} : { cookie: sent }
      const reply = await client.post('change-password', bodyOf(password), { token, headers })
      t.is(reply.status, 200)
      t.is(reply.headers.get('set-cookie'), null)
      t.regex(reply.body.refresh_token, /^lkr_/)
    }
    t.is((await refresh(stranger.cookie)).status, 200, 'and that other session goes on')
  })

  test('a cookie alone, without an access token, changes nothing', async t => {
    const { email, password, cookie } = await aBrowser()
    const headers = { cookie, origin: 'https://latchkey.test' }
    t.is((await client.post('change-password', bodyOf(password), { headers })).status, 401)
    t.is((await client.post('login', { email, password })).status, 200)
  })

  test('a refused change leaves the cookie as it is', async t => {
    const { token, cookie } = await aBrowser()
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
  // A stolen access token must not be a way to try passwords.

  test('guesses at the current password → counted before they are compared, and apart from sign-ins', async t => {
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
    t.is(late.status, 429, 'the right one comes too late')
    t.regex(late.headers.get('ratelimit') ?? '', /^"change_password";r=0;/)
    t.is((await world.client.get('me', { token })).status, 200)
  })

  test('changes of one password over the limit → 429, and the password stays', async t => {
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
