import test from 'ava'
import { anAccount } from '../make.ts'
import { openWorld, until } from '../world.ts'
import { aForgetful, another, askMove, type Mailed } from './forgetful.ts'

// Whoever resets a password may do so because somebody else knows the old one: nothing of that may stay alive.

const world = await openWorld({ worker: true })
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())

type Presented = { token: string } | { email: string; code: string }
const ways: [string, (email: string, reset: Mailed) => Presented][] = [
  ['token', (_email, { token }) => ({ token })],
  ['address and code', (email, { code }) => ({ email, code })],
]

type Tokens = { access_token: string; refresh_token: string }

/** Signs in at two instances, and renews one session: all tokens that open something, or did just now. */
const signIn = async (account: { email: string; password: string; access: string; refresh: string }) => {
  const { email, password, access, refresh } = account
  const logins = await Promise.all(
    [world, other, world].map(({ client }) => client.post('login', { email, password })),
  )
  const begun = logins.map(({ body }) => body as Tokens)
  const renewed = await world.client.post('refresh', { refresh_token: begun[0]?.refresh_token })
  const all = [...begun, renewed.body as Tokens, { access_token: access, refresh_token: refresh }]
  return { accesses: all.map(one => one.access_token), refreshes: all.map(one => one.refresh_token) }
}

for (const [way, presentedBy] of ways)
  test(`a reset by ${way} ends every session, at every instance, at once`, async t => {
    const account = await aForgetful(world)
    const { accesses, refreshes } = await signIn(account)
    for (const token of accesses)
      for (const { client } of [world, other]) t.is((await client.get('me', { token })).status, 200)

    const body = { ...presentedBy(account.email, account.reset), new_password: another }
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

test('sessions that a Redis brings back after a reset are dead all the same', async t => {
  const { userId, sessionId, access, refresh, reset } = await aForgetful(world)
  const { redis, keys } = world.deps
  const kept = await redis.hgetall(keys.session(userId, sessionId))
  t.truthy(kept.current)
  const body = { token: reset.token, new_password: another }
  t.is((await world.client.post('reset-password', body)).status, 204)
  await redis.hset(keys.session(userId, sessionId), kept)
  t.is((await world.client.get('me', { token: access })).status, 401)
  t.is((await world.client.post('refresh', { refresh_token: refresh })).status, 401)
})

test('the old password opens nothing, the new one does, and nobody is signed in by the reset itself', async t => {
  const { email, userId, password, reset } = await aForgetful(world)
  const body = { token: reset.token, new_password: another }
  const reply = await world.client.post('reset-password', body)
  t.is(reply.status, 204)
  t.is(reply.text, '')
  t.is(reply.headers.get('set-cookie'), null)
  t.is(await world.deps.redis.zcard(world.deps.keys.sessions(userId)), 0)

  const old = await world.client.post('login', { email, password })
  t.is(old.status, 401)
  t.is(old.body.code, 'INVALID_CREDENTIALS')
  const { status, body: session } = await other.client.post('login', { email, password: another })
  t.is(status, 200)
  t.is((await world.client.get('me', { token: session.access_token })).status, 200)
})

test('the address counts as verified, and the change is dated and on record', async t => {
  const { userId, access, verification, reset } = await aForgetful(world)
  t.false((await world.client.get('me', { token: access })).body.email_verified)
  const body = { token: reset.token, new_password: another }
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

test('the owner is told by a mail that says from where, and holds neither password nor token', async t => {
  const { email, reset } = await aForgetful(world)
  const headers = { 'user-agent': 'Lynx/2.9' }
  const body = { token: reset.token, new_password: another }
  t.is((await world.client.post('reset-password', body, { headers })).status, 204)
  const { mail, link, code, to } = await world.mails.to(email, 3)
  t.deepEqual(to, [email])
  t.is(mail.subject, 'Security notice: your password was changed')
  t.regex(mail.text ?? '', /127\.0\.0\.1/)
  t.regex(mail.text ?? '', /Lynx/)
  t.is(link + code, '')
  t.false(`${mail.text}${mail.html}`.includes(another))
})

test('every other mailed link dies: verification, and a pending change of address by link and by code', async t => {
  const account = await aForgetful(world)
  const newEmail = `new-${account.email}`
  const move = await askMove(world, account, newEmail)
  const body = { token: account.reset.token, new_password: another }
  t.is((await world.client.post('reset-password', body)).status, 204)

  const { client } = world
  t.is((await client.post('verify-email', { token: account.verification.token })).status, 401)
  t.is((await client.post('confirm-email', { token: move.token })).status, 401)
  t.is((await client.post('confirm-email', { email: newEmail, code: move.code })).status, 401)
  const login = await client.post('login', { email: account.email, password: another })
  t.is(login.body.user.email, account.email)
})

test('sessions of other people go on', async t => {
  const neighbour = await anAccount(world.client)
  const { reset } = await aForgetful(world)
  const body = { token: reset.token, new_password: another }
  t.is((await world.client.post('reset-password', body)).status, 204)
  t.is((await world.client.get('me', { token: neighbour.access })).status, 200)
  t.is((await world.client.post('refresh', { refresh_token: neighbour.refresh })).status, 200)
})

test('a deletion that waits is not undone by a reset: its link is dead', async t => {
  const { userId, password, access: token, reset } = await aForgetful(world)
  t.is((await world.client.send('DELETE', 'me', { body: { password }, token })).status, 204)
  const body = { token: reset.token, new_password: another }
  t.is((await world.client.post('reset-password', body)).status, 401)
  const gone = await until('the row to wait', () =>
    world.sql<{ erase_after: Date | null }>('SELECT erase_after FROM users WHERE id = $1', [userId]),
  )
  t.truthy(gone[0]?.erase_after)
})
