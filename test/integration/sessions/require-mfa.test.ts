import anyTest from 'ava'
import type { Client } from '../../client.ts'
import { anAccount, anEmail, password } from '../../fixtures.ts'
import { monitorRedis } from '../../redis-monitor.ts'
import { coreRoutes } from '../../routes.ts'
import { openWorld } from '../../world.ts'
import { adminActions, anAdmin, usersPath } from '../admin/admin-account.ts'
import { aMachine, machineToken, postForm } from '../clients/machine.ts'
import { challengeOf, giveFactors } from '../reauthentication/second-factor.ts'

// REQUIRE_MFA: a session without a second factor opens nothing that the operator keeps for two factors.

const test = anyTest.serial

const world = await openWorld()
const admins = await world.instance({ REQUIRE_MFA: 'admins' })
const all = await world.instance({ REQUIRE_MFA: 'all' })
test.after.always(() => world[Symbol.asyncDispose]())

const { client, sql } = world
const stepUp = challengeOf({ acr_values: 'aal2' })

/** The routes that a session without a second factor may call. */
const open = [
  'GET /api/v1/auth/me',
  'POST /api/v1/auth/logout-all',
  'GET /api/v1/auth/sessions',
  'DELETE /api/v1/auth/sessions/:id',
  'GET /api/v1/auth/factors',
  'POST /api/v1/auth/factors/totp',
  'POST /api/v1/auth/factors/totp/confirm',
  'POST /api/v1/auth/factors/passkeys/options',
  'POST /api/v1/auth/factors/passkeys',
  'POST /api/v1/auth/reauthenticate',
  'POST /api/v1/auth/reauthenticate/options',
]

const ofUsers = coreRoutes.filter(({ auth }) => ['bearer', 'optional', 'anyBearer', 'admin'].includes(auth))
const nameOf = ({ method, path }: { method: string; path: string }) => `${method} ${path}`

const send = (at: Client, token: string, route: (typeof ofUsers)[number]) => {
  const { method, path, example } = route
  const target = Object.entries(example?.params ?? {}).reduce(
    (found, [name, value]) => found.replace(`:${name}`, value),
    path,
  )
  return at.send(method, target, { token, body: example?.body })
}

test('admins: an administrator without a factor → 403 MFA_ENROLLMENT_REQUIRED on every route below /admin', async t => {
  const ada = await anAdmin(world)
  for (const route of ofUsers.filter(({ auth }) => auth === 'admin')) {
    const { status, body } = await send(admins.client, ada.access, route)
    t.deepEqual([status, body.code], [403, 'MFA_ENROLLMENT_REQUIRED'], nameOf(route))
  }
  t.is((await admins.client.patch('me', { full_name: 'Ada' }, { token: ada.access })).status, 200)
  t.is((await client.get(usersPath, { token: ada.access })).status, 200, 'the default asks for none')
})

test('admins: an administrator with a factor → must step up to read, and then may', async t => {
  const [ada, bob] = [await anAdmin(world), await anAccount(client)]
  const { nextCode } = await giveFactors(world, ada)
  const { read, change } = adminActions(admins.client, ada.access)
  const refused = await read(bob.userId)
  t.deepEqual([refused.status, refused.body.code], [401, 'REAUTHENTICATION_REQUIRED'])
  t.is(refused.headers.get('www-authenticate'), stepUp)
  const wanted = challengeOf({ max_age: '600', acr_values: 'aal2' })
  t.is((await change(bob.userId, { is_active: true })).headers.get('www-authenticate'), wanted)
  const again = await admins.client.post('reauthenticate', { code: nextCode() }, { token: ada.access })
  t.is(again.status, 200)
  t.is((await read(bob.userId)).status, 200)
  t.is((await change(bob.userId, { is_active: true })).status, 200)
})

test('admins: a user without the role → 403 FORBIDDEN; a machine client → as before', async t => {
  const eve = await anAccount(client)
  t.is((await admins.client.get(usersPath, { token: eve.access })).body.code, 'FORBIDDEN')
  const token = await machineToken(client, await aMachine(world, ['users:read']))
  for (const at of [admins.client, all.client]) t.is((await at.get(usersPath, { token })).status, 200)
  t.is((await all.client.get('check', { token })).status, 204)
})

test('all: a user without a factor → may only set one up, authenticate again and end sessions', async t => {
  t.deepEqual(
    ofUsers
      .filter(({ singleFactor }) => singleFactor)
      .map(nameOf)
      .sort(),
    [...open].sort(),
  )
  const ada = await anAdmin(world)
  for (const route of ofUsers.filter(({ singleFactor }) => !singleFactor)) {
    const { status, body } = await send(all.client, ada.access, route)
    t.deepEqual([status, body.code], [403, 'MFA_ENROLLMENT_REQUIRED'], nameOf(route))
  }
  const token = ada.access
  for (const path of ['me', 'sessions', 'factors']) t.is((await all.client.get(path, { token })).status, 200)
  t.is((await all.client.post('reauthenticate', { password }, { token })).status, 200)
  t.is((await all.client.post('factors/totp', undefined, { token })).status, 201)
  t.is((await all.client.post('refresh', { refresh_token: ada.refresh })).status, 200)
  t.is((await all.client.post('logout', undefined, { token })).status, 204)
})

test('all: a user with a factor and a session of one → 401 until the step-up, then every route is open', async t => {
  const ada = await anAccount(client)
  const { nextCode } = await giveFactors(world, ada)
  const token = ada.access
  for (const path of ['check', 'me/export']) {
    const { status, headers } = await all.client.get(path, { token })
    t.is(status, 401)
    t.regex(headers.get('www-authenticate') ?? '', /acr_values="aal2"/)
  }
  t.is((await all.client.get('me', { token })).status, 200)
  t.is((await all.client.post('reauthenticate', { code: nextCode() }, { token })).status, 200)
  const checked = await all.client.get('check', { token })
  t.deepEqual([checked.status, checked.headers.get('x-auth-acr')], [204, 'aal2'])
  t.is((await all.client.patch('me', { full_name: 'Ada' }, { token })).status, 200)
})

test('all: introspection → the access token of a session of one factor is not active, its refresh token is', async t => {
  const machine = await aMachine(world, ['introspect'])
  const asMachine = { client_id: machine.id, client_secret: machine.secret }
  const introspect = async (at: Client, token: string) =>
    (await postForm(at, '/api/v1/oauth/introspect', { token, ...asMachine })).body
  const ada = await anAccount(client)
  t.deepEqual(await introspect(all.client, ada.access), { active: false })
  t.like(await introspect(all.client, ada.refresh), { active: true, amr: ['pwd'], acr: 'aal1' })
  t.true((await introspect(admins.client, ada.access)).active)
  const { nextCode } = await giveFactors(world, ada)
  t.deepEqual(await introspect(all.client, ada.access), { active: false })
  const { body } = await client.post('reauthenticate', { code: nextCode() }, { token: ada.access })
  t.like(await introspect(all.client, body.access_token), { active: true, acr: 'aal2' })
  t.like(await introspect(all.client, ada.refresh), { amr: ['pwd', 'otp', 'mfa'], acr: 'aal2' })
})

test('all: a user who must verify the address first → may still correct it, and then sets up a factor', async t => {
  const strict = await world.instance({ REQUIRE_MFA: 'all', REQUIRE_VERIFIED_EMAIL: 'true' })
  const ada = await anAccount(client)
  const move = { current_password: password, new_email: anEmail() }
  t.is((await strict.client.post('change-email', move, { token: ada.access })).status, 202)
  t.is((await strict.client.get('factors', { token: ada.access })).body.code, 'EMAIL_NOT_VERIFIED')
  await sql('UPDATE users SET email_verified = true WHERE id = $1', [ada.userId])
  t.is(
    (await strict.client.post('change-email', move, { token: ada.access })).body.code,
    'MFA_ENROLLMENT_REQUIRED',
  )
  t.is((await strict.client.get('factors', { token: ada.access })).status, 200)
  await strict.close()
})

test('reading the account of a user with two factors → one Redis command under each rule', async t => {
  await using monitor = await monitorRedis(world)
  const ada = await anAccount(client)
  const { nextCode } = await giveFactors(world, ada)
  const { body } = await client.post('reauthenticate', { code: nextCode() }, { token: ada.access })
  await monitor.seen()
  for (const at of [client, all.client]) {
    t.is((await at.get('me', { token: body.access_token })).status, 200)
    t.deepEqual(
      (await monitor.seen()).map(([name]) => name?.toLowerCase()),
      ['hmget'],
    )
  }
})
