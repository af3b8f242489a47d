import test from 'ava'
import { anAccount, password } from '../make.ts'
import { openWorld } from '../world.ts'
import { actsOf, anAdmin } from './an-admin.ts'

const world = await openWorld()
const other = await world.instance()
const ada = await anAdmin(world)
test.after.always(() => world[Symbol.asyncDispose]())
const { change, list } = actsOf(world.client, ada.access)

const everybody = () => world.sql('SELECT * FROM users ORDER BY id')
const claimsOf = (token: string) => {
  const payload = Buffer.from(token.split('.')[2] ?? '', 'base64url').subarray(0, -64)
  return JSON.parse(payload.toString('utf8'))
}
const login = async (email: string) => (await other.client.post('login', { email, password })).body

test.serial('a change of roles ends every session, and the next token says the new ones', async t => {
  const { email, userId, access, refresh } = await anAccount(world.client)
  t.deepEqual(claimsOf(access).roles, ['user'])
  t.is((await change(userId, { roles: ['user', 'admin'] })).body.code, 'EMAIL_NOT_VERIFIED')
  await world.sql('UPDATE users SET email_verified = true WHERE id = $1', [userId])
  for (const roles of [['user', 'admin'], ['admin'], ['user']]) {
    const before = await login(email)
    const reply = await change(userId, { roles })
    t.is(reply.status, 200)
    t.deepEqual(reply.body.roles, roles)
    for (const client of [world.client, other.client]) {
      t.is((await client.get('me', { token: before.access_token })).body.code, 'SESSION_REVOKED')
      t.is((await client.post('refresh', { refresh_token: before.refresh_token })).status, 401)
    }
    const after = await login(email)
    t.deepEqual(claimsOf(after.access_token).roles, roles)
    t.deepEqual(after.user.roles, roles)
    t.is((await actsOf(other.client, after.access_token).list()).status, roles.includes('admin') ? 200 : 403)
  }
  t.is((await world.client.post('refresh', { refresh_token: refresh })).status, 401)
})

test.serial('roles that there are not, and none at all, are refused; twice the same is one', async t => {
  const { userId } = await anAccount(world.client)
  await world.sql('UPDATE users SET email_verified = true WHERE id = $1', [userId])
  const before = await everybody()
  const wrong: unknown[] = [
    [],
    ['root'],
    ['user', 'root'],
    ['Admin'],
    [' admin'],
    ['admin\0'],
    'admin',
    null,
    [null],
    [['admin']],
    [{ toString: 'admin' }],
    { 0: 'admin', length: 1 },
    Array(9).fill('user'),
  ]
  for (const roles of wrong) {
    const reply = await change(userId, { roles })
    t.is(reply.status, 400, JSON.stringify(roles))
    t.is(reply.body.code, 'VALIDATION_ERROR')
    t.notRegex(reply.text, /root/)
  }
  t.deepEqual(await everybody(), before)
  t.deepEqual((await change(userId, { roles: ['admin', 'user', 'admin'] })).body.roles, ['admin', 'user'])
})

test.serial('nothing but state and roles can be changed, by whatever name (mass assignment)', async t => {
  const { userId } = await anAccount(world.client)
  const before = await everybody()
  const others = {
    id: ada.userId,
    user_id: ada.userId,
    userId: ada.userId,
    actor_id: ada.userId,
    email: 'taken@example.com',
    email_verified: true,
    password: 'another horse 10',
    password_hash: '$2b$04$abcdefghijklmnopqrstuv',
    session_epoch: 0,
    erase_after: null,
    full_name: 'Mallory',
    mfa_enabled: false,
    created_at: '2020-01-01T00:00:00.000Z',
    role: 'admin',
    isActive: false,
    constructor: { prototype: { roles: ['admin'] } },
    prototype: { roles: ['admin'] },
  }
  for (const [name, value] of Object.entries(others))
    for (const beside of [{}, { is_active: false, roles: ['user', 'admin'] }]) {
      const reply = await change(userId, { ...beside, [name]: value })
      t.is(reply.status, 400, name)
      t.is(reply.body.code, 'VALIDATION_ERROR')
    }
  t.deepEqual(await everybody(), before)
})

test.serial('a body does not reach the prototype of anything', async t => {
  const { userId, access } = await anAccount(world.client)
  const before = await everybody()
  const raw = [
    '{"__proto__":{"roles":["user","admin"],"is_active":false}}',
    '{"is_active":false,"__proto__":{"roles":["admin"]}}',
    '{"constructor":{"prototype":{"roles":["admin"]}}}',
    '{"roles":{"__proto__":["admin"]}}',
  ]
  for (const body of raw) {
    const reply = await change(userId, body)
    t.is(reply.status, 400, body)
  }
  t.is((await change(userId, {})).status, 200)
  const same = before.map(row => ({ ...row, updated_at: null }))
  t.deepEqual(
    (await everybody()).map(row => ({ ...row, updated_at: null })),
    same,
  )
  t.is((await actsOf(world.client, access).list()).status, 403, 'a request after them is what it was')
  t.is((await list()).status, 200)
  t.false('roles' in {})
})
