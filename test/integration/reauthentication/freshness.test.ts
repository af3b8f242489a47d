import anyTest from 'ava'
import { problems } from '../../../src/platform/catalog/problems.ts'
import type { Reply } from '../../client.ts'
import { type Account, anAccount, password } from '../../fixtures.ts'
import { allRoutes } from '../../routes.ts'
import { adminActions, anAdmin } from '../admin/admin-account.ts'
import { openShop } from '../purchases/shop.ts'

// A session that authenticated long ago reads, but changes nothing as an administrator until its user authenticates again.

const test = anyTest.serial

const world = await openShop()
const other = await world.instance()
anyTest.after.always(() => world[Symbol.asyncDispose]())

const { client, sql } = world
const minute = 60_000
const adminRoutes = allRoutes.filter(({ path }) => path.startsWith('/api/v1/admin/'))
const challenge =
  'Bearer realm="latchkey", error="insufficient_user_authentication", error_description="The user must authenticate again", max_age="600"'

/** Lets the time pass from now. */
const wait = (milliseconds: number) => world.travel(world.clock.shift + milliseconds)
const reauthenticate = (token: string, body: unknown = { password }, at = client) =>
  at.post('reauthenticate', body, { token })
const claimsOf = (token: string) =>
  JSON.parse(
    Buffer.from(token.split('.')[2] ?? '', 'base64url')
      .subarray(0, -64)
      .toString(),
  )
const eventsOf = async ({ userId }: Account) =>
  (await sql<{ type: string }>('SELECT type FROM audit_events WHERE user_id = $1 ORDER BY id', [userId])).map(
    ({ type }) => type,
  )

const isRefusal = ({ status, body, headers }: Reply): boolean =>
  status === 401 && body.code === 'REAUTHENTICATION_REQUIRED' && headers.get('www-authenticate') === challenge

test('every route below /admin that changes something declares freshness, and no other does', t => {
  t.true(adminRoutes.length > 10)
  for (const { method, path, fresh } of adminRoutes)
    t.is(fresh === true, method !== 'GET', `${method} ${path}`)
})

test('ten minutes after the sign-in → every administrative change gets 401 with the challenge of RFC 9470', async t => {
  const [ada, { userId }] = [await anAdmin(world), await anAccount(client)]
  const changed = adminActions(client, ada.access)
  t.is((await changed.change(userId, { is_active: true })).status, 200)
  await wait(10 * minute + 5000)
  const before = await sql('SELECT * FROM users ORDER BY id')
  for (const { method, path, example } of adminRoutes.filter(({ fresh }) => fresh)) {
    const params = Object.entries(example?.params ?? {})
    const target = params.reduce((found, [name, value]) => found.replace(`:${name}`, value), path)
    const reply = await client.send(method, target, { token: ada.access, body: example?.body })
    t.true(isRefusal(reply), `${method} ${path} ${reply.text}`)
  }
  t.deepEqual(await sql('SELECT * FROM users ORDER BY id'), before)
  t.is((await changed.read(userId)).status, 200, 'reading needs no fresh session')
})

test('a refresh → new tokens keep auth_time, and the session stays stale', async t => {
  const [ada, { userId }] = [await anAdmin(world), await anAccount(client)]
  const { auth_time } = claimsOf(ada.access)
  await wait(11 * minute)
  const { body } = await client.post('refresh', { refresh_token: ada.refresh })
  t.is(claimsOf(body.access_token).auth_time, auth_time)
  t.true(isRefusal(await adminActions(client, body.access_token).change(userId, { is_active: false })))
})

test('a reauthentication → fresh on every instance for every token of that session and no other', async t => {
  const [ada, { userId }] = [await anAdmin(world), await anAccount(client)]
  const { body: elsewhere } = await client.post('login', { email: ada.email, password })
  await wait(11 * minute)
  const from = Date.now() + world.clock.shift
  const { status, body, headers } = await reauthenticate(ada.access)
  t.is(status, 200)
  t.is(headers.get('cache-control'), 'no-store')
  t.deepEqual(Object.keys(body).sort(), ['access_token', 'expires_in', 'token_type'])
  t.like(body, { token_type: 'Bearer', expires_in: 900 })
  const [old, fresh] = [claimsOf(ada.access), claimsOf(body.access_token)]
  t.true(Date.parse(fresh.auth_time) >= from)
  t.deepEqual(
    { ...fresh, auth_time: 0, iat: 0, exp: 0 },
    { ...old, auth_time: 0, iat: 0, exp: 0, roles: ['user', 'admin'] },
  )

  for (const token of [body.access_token, ada.access])
    for (const at of [client, other.client])
      t.is((await adminActions(at, token).change(userId, { is_active: true })).status, 200)
  t.true(isRefusal(await adminActions(client, elsewhere.access_token).change(userId, { is_active: true })))

  const { body: refreshed } = await client.post('refresh', { refresh_token: ada.refresh })
  t.is(claimsOf(refreshed.access_token).auth_time, fresh.auth_time)
  await wait(11 * minute)
  t.true(isRefusal(await adminActions(client, refreshed.access_token).change(userId, { is_active: true })))
  t.deepEqual((await eventsOf(ada)).slice(-1), ['user.reauthenticated'])
})

test('a stale user without the role → 403, and is not asked for the password', async t => {
  const [eve, { userId }] = [await anAccount(client), await anAccount(client)]
  await wait(11 * minute)
  const reply = await adminActions(client, eve.access).remove(userId)
  t.is(reply.status, 403)
  t.is(reply.body.code, 'FORBIDDEN')
})

test('a session in Redis with an auth_time that is missing or far in the future → not fresh', async t => {
  const [ada, { userId }] = [await anAdmin(world), await anAccount(client)]
  const key = world.keys.session(ada.userId, ada.sessionId)
  const { change } = adminActions(client, ada.access)
  for (const time of ['', 'x', '0', String(Date.now() + world.clock.shift + 3_600_000)]) {
    await world.redis.hset(key, 'auth_time', time)
    t.true(isRefusal(await change(userId, { is_active: true })), time)
  }
  await world.redis.hdel(key, 'auth_time')
  t.true(isRefusal(await change(userId, { is_active: true })))
  t.is((await reauthenticate(ada.access)).status, 200)
  t.is((await change(userId, { is_active: true })).status, 200)
})

test('wrong passwords → 403, an event each, then a wait in the counter of change-password', async t => {
  const limited = await world.instance({ RATE_LIMITS: 'reauthenticate=100/15m,change_password=100/15m' })
  const ada = await anAdmin(world)
  const { userId } = await anAccount(client)
  await wait(11 * minute)
  for (const [i, wrong] of ['wrong horse 9', `${password} `, password.toUpperCase()].entries()) {
    const reply = await reauthenticate(ada.access, { password: wrong }, limited.client)
    t.is(reply.status, 403)
    t.is(reply.body.code, 'INVALID_CURRENT_PASSWORD')
    t.false(reply.text.includes(wrong.trim()))
    t.is((await eventsOf(ada)).filter(type => type === 'password.refused').length, i + 1)
  }
  const mistaken = { current_password: 'wrong horse 9', new_password: 'another horse 10' }
  for (let i = 0; i < 2; i++)
    t.is((await limited.client.post('change-password', mistaken, { token: ada.access })).status, 403)
  const waiting = await reauthenticate(ada.access, { password }, limited.client)
  t.is(waiting.status, 429, 'the right password too')
  t.true(Number(waiting.headers.get('retry-after')) > 0)
  t.true(isRefusal(await adminActions(client, ada.access).change(userId, { is_active: true })))
  t.false((await eventsOf(ada)).includes('user.reauthenticated'))
  await wait(31_000)
  t.is((await reauthenticate(ada.access, { password }, limited.client)).status, 200)
  await limited.close()
})

test('more reauthentications than the limit → 429 for that session and address only', async t => {
  const limited = await world.instance({ RATE_LIMITS: 'reauthenticate=2/15m' })
  const [ada, bob] = [await anAccount(client), await anAccount(client)]
  const statuses: number[] = []
  for (let i = 0; i < 3; i++)
    statuses.push((await reauthenticate(ada.access, { password }, limited.client)).status)
  t.deepEqual(statuses, [200, 200, 429])
  t.is((await reauthenticate(bob.access, { password }, limited.client)).status, 200)
  await limited.close()
})

test('an account without a password → 403 NO_PASSWORD that says how to get one', async t => {
  const ada = await anAccount(client)
  await sql('UPDATE users SET password_hash = NULL WHERE id = $1', [ada.userId])
  const reply = await reauthenticate(ada.access)
  t.is(reply.status, 403)
  t.is(reply.body.code, 'NO_PASSWORD')
  t.regex(problems.NO_PASSWORD.help, /forgot-password/)
})

test('no token, a refresh token, an expired token or an ended session → 401 and no fresh session', async t => {
  const ada = await anAdmin(world)
  for (const token of ['x', ada.refresh, `${ada.access.slice(0, -2)}AA`])
    t.is((await reauthenticate(token)).body.code, 'INVALID_TOKEN')
  t.is((await client.post('reauthenticate', { password })).body.code, 'AUTH_ERROR')
  await wait(20 * minute)
  t.is((await reauthenticate(ada.access)).body.code, 'TOKEN_EXPIRED')
  const { body } = await client.post('refresh', { refresh_token: ada.refresh })
  t.is((await client.post('logout', {}, { token: body.access_token })).status, 204)
  t.is((await reauthenticate(body.access_token)).body.code, 'SESSION_REVOKED')
  t.is(await world.redis.exists(world.keys.session(ada.userId, ada.sessionId)), 0)
})

test('a listed audience → a token for that service only; another → 400 and no guess', async t => {
  const audience = 'https://orders.example.com'
  const several = await world.instance({ AUDIENCES: audience })
  const ada = await anAccount(client)
  const { body } = await reauthenticate(ada.access, { password, audience }, several.client)
  t.is(claimsOf(body.access_token).aud, audience)
  t.is((await several.client.get('me', { token: body.access_token })).body.code, 'INVALID_TOKEN')
  t.is((await reauthenticate(body.access_token, { password }, several.client)).body.code, 'INVALID_TOKEN')
  const unlisted = { password: 'wrong horse 9', audience: 'https://evil.example.com' }
  t.is((await reauthenticate(ada.access, unlisted, several.client)).status, 400)
  t.false((await eventsOf(ada)).includes('password.refused'))
  await several.close()
})

test('a body of another form → 400 without an echo', async t => {
  const { access } = await anAccount(client)
  for (const body of [
    {},
    { password: 7 },
    { password: '' },
    { password: 'canary7'.repeat(40) },
    { password, code: '123456' },
    { password, audience: 7 },
    [password],
    'canary7',
  ]) {
    const reply = await reauthenticate(access, body)
    t.true([400, 415].includes(reply.status), JSON.stringify(body))
    t.notRegex(reply.text, /canary7|horse/)
  }
})
