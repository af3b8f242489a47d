import test from 'ava'
import { anAccount, anEmail, password, tokenOf } from '../make.ts'
import { openWorld, until } from '../world.ts'
import { actsOf, anAdmin } from './an-admin.ts'

const world = await openWorld({ worker: true })
const other = await world.instance()
const ada = await anAdmin(world)
test.after.always(() => world[Symbol.asyncDispose]())
const clients = [world.client, other.client]
const { change, read } = actsOf(other.client, ada.access)

type Session = { access: string; refresh: string }
const login = (email: string, given = password) => world.client.post('login', { email, password: given })
const signIn = async (email: string): Promise<Session> => {
  const { status, body } = await login(email)
  if (status !== 200) throw new Error(`login answered ${status}`)
  return { access: body.access_token, refresh: body.refresh_token }
}
const rowOf = async (id: string) =>
  (await world.sql<Record<string, unknown>>('SELECT * FROM users WHERE id = $1', [id]))[0]
const eventsOf = async (id: string) =>
  (
    await world.sql<{ type: string }>('SELECT type FROM audit_events WHERE user_id = $1 ORDER BY id', [id])
  ).map(({ type }) => type)

/** What each token of a session is answered with, wherever it is tried. */
const codesOf = async ({ access, refresh }: Session): Promise<string[]> => {
  const codes: string[] = []
  for (const client of clients) {
    codes.push((await client.get('me', { token: access })).body.code)
    codes.push((await client.post('refresh', { refresh_token: refresh })).body.code)
    codes.push((await client.get('sessions', { token: access })).body.code)
  }
  return [...new Set(codes)].sort()
}
const dead = ['INVALID_REFRESH_TOKEN', 'SESSION_REVOKED']

test('a deactivation ends every session at once, on every instance', async t => {
  const account = await anAccount(world.client)
  const sessions = [account, await signIn(account.email), await signIn(account.email)]
  const reply = await change(account.userId, { is_active: false })
  t.is(reply.status, 200)
  t.is(reply.body.is_active, false)
  for (const session of sessions) t.deepEqual(await codesOf(session), dead)
  t.is(await world.deps.redis.zcard(world.deps.keys.sessions(account.userId)), 0)
})

test('a session that refreshes or begins in the midst of it is dead too', async t => {
  const account = await anAccount(world.client)
  const sessions = [await signIn(account.email), await signIn(account.email), await signIn(account.email)]
  const asked = [
    ...sessions.flatMap(({ refresh }) =>
      clients.map(client => client.post('refresh', { refresh_token: refresh })),
    ),
    ...clients.flatMap(client =>
      Array.from({ length: 4 }, () => client.post('login', { email: account.email, password })),
    ),
  ]
  t.is((await change(account.userId, { is_active: false })).status, 200)
  for (const { status, body } of await Promise.all(asked)) {
    t.true([200, 401, 403].includes(status))
    if (status === 200)
      t.deepEqual(await codesOf({ access: body.access_token, refresh: body.refresh_token }), dead)
  }
})

test('only the right password is told why; the wrong one gets the answer of an unknown address', async t => {
  const { email, userId } = await anAccount(world.client)
  await change(userId, { is_active: false })
  const told = await login(email)
  t.is(told.status, 403)
  t.is(told.body.code, 'ACCOUNT_DEACTIVATED')
  t.is(told.headers.get('set-cookie'), null)
  const [wrong, unknown] = [await login(email, 'wrong horse 10'), await login(anEmail(), 'wrong horse 10')]
  t.is(wrong.status, 401)
  const { request_id: _, ...said } = wrong.body
  const { request_id: __, ...saidToNobody } = unknown.body
  t.is(said.code, 'INVALID_CREDENTIALS')
  t.deepEqual(said, saidToNobody)
})

test('what was mailed before does nothing afterwards: no reset, no verification, no new address', async t => {
  const account = await anAccount(world.client)
  const { email, userId, access } = account
  const verifying = await world.mails.to(email)
  await world.client.post('forgot-password', { email })
  const resetting = await world.mails.to(email, 2)
  const newEmail = anEmail()
  await world.client.post(
    'change-email',
    { current_password: password, new_email: newEmail },
    { token: access },
  )
  const moving = await world.mails.to(newEmail)

  t.is((await change(userId, { is_active: false })).status, 200)
  const before = await rowOf(userId)
  const new_password = 'another horse 10'
  const uses: [string, Record<string, string>][] = [
    ['verify-email', { email, code: verifying.code }],
    ['verify-email', { token: tokenOf(verifying.link) }],
    ['reset-password', { email, code: resetting.code, new_password }],
    ['reset-password', { token: tokenOf(resetting.link), new_password }],
    ['confirm-email', { email: newEmail, code: moving.code }],
    ['confirm-email', { token: tokenOf(moving.link) }],
  ]
  for (const [path, body] of uses) {
    const reply = await world.client.post(path, body)
    t.is(reply.status, 401, path)
    t.is(reply.body.code, 'INVALID_TOKEN')
  }
  t.deepEqual(await rowOf(userId), before)
  t.is((await login(email)).body.code, 'ACCOUNT_DEACTIVATED')
})

test('nothing is mailed to a deactivated account, and asking is answered as always', async t => {
  const { email, userId } = await anAccount(world.client)
  await world.mails.to(email)
  await change(userId, { is_active: false })
  for (const path of ['forgot-password', 'resend-verification'])
    t.is((await world.client.post(path, { email })).status, 202)
  const statuses = async () =>
    (
      await world.sql<{ status: string }>('SELECT status FROM emails WHERE recipient = $1 ORDER BY id', [
        email,
      ])
    ).map(({ status }) => status)
  await until('the mails to be settled', async () => !(await statuses()).includes('queued'))
  t.deepEqual(await statuses(), ['sent', 'dropped', 'dropped'])
  t.is(world.mails.caught.filter(({ to }) => to.includes(email)).length, 1)
})

test('an activation lets sign in again and revives no session', async t => {
  const account = await anAccount(world.client)
  const { email, userId } = account
  const sessions = [account, await signIn(email)]
  await change(userId, { is_active: false })
  const reply = await change(userId, { is_active: true })
  t.is(reply.status, 200)
  t.is(reply.body.is_active, true)
  for (const session of sessions) t.deepEqual(await codesOf(session), dead)
  const { access } = await signIn(email)
  t.is((await other.client.get('me', { token: access })).status, 200)
  t.deepEqual(await eventsOf(userId), [
    'user.registered',
    'login.succeeded',
    'user.deactivated',
    'user.activated',
    'login.succeeded',
  ])
})

test('sessions that a Redis of yesterday brings back are dead also after an activation', async t => {
  const account = await anAccount(world.client)
  const { redis, keys } = world.deps
  const key = keys.session(account.userId, account.sessionId)
  const saved = await redis.dumpBuffer(key)
  await change(account.userId, { is_active: false })
  await change(account.userId, { is_active: true })
  t.is(await redis.exists(key), 0)
  await redis.restore(key, 0, saved)
  t.is((await world.client.get('me', { token: account.access })).body.code, 'SESSION_REVOKED')
  t.is((await other.client.post('refresh', { refresh_token: account.refresh })).status, 401)
})

test('a change that changes nothing ends nothing and tells nothing', async t => {
  const { userId, access } = await anAccount(world.client)
  for (const body of [{}, { is_active: true }, { roles: ['user'] }, { roles: ['user', 'user'] }])
    t.is((await change(userId, body)).status, 200)
  t.is((await world.client.get('me', { token: access })).status, 200)
  t.deepEqual(await eventsOf(userId), ['user.registered'])
  await change(userId, { is_active: false })
  const { session_epoch } = (await rowOf(userId)) ?? {}
  await change(userId, { is_active: false })
  t.is((await rowOf(userId))?.session_epoch, session_epoch)
  t.deepEqual(await eventsOf(userId), ['user.registered', 'user.deactivated'])
  t.is((await read(userId)).body.is_active, false)
})
