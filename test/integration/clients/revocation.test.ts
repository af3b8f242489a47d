import anyTest from 'ava'
import { anAccount } from '../../fixtures.ts'
import { allRoutes } from '../../routes.ts'
import { anAdmin } from '../admin/admin-account.ts'
import { openShop } from '../purchases/shop.ts'
import { aMachine, askToken, clientsPath, machineToken } from './machine.ts'

// When a machine client or its secret ends, and what its token never opens.

const test = anyTest.serial

const world = await openShop()
const other = await world.instance()
const { client } = world
const clients = [client, other.client]
const admin = await anAdmin(world)
anyTest.after.always(() => world[Symbol.asyncDispose]())

const usersPath = '/api/v1/admin/users'
const drop = (path: string) => client.send('DELETE', `${clientsPath}/${path}`, { token: admin.access })

test('client is revoked → every instance refuses its tokens and its secrets at once', async t => {
  const machine = await aMachine(world, ['users:read'], admin.access)
  const token = await machineToken(client, machine)
  for (const each of clients) t.is((await each.get(usersPath, { token })).status, 200)
  t.is((await drop(machine.id)).status, 204)
  for (const each of clients) {
    const { status, headers, body } = await each.get(usersPath, { token })
    t.deepEqual([status, body.code], [401, 'INVALID_TOKEN'])
    t.is(headers.get('www-authenticate'), 'Bearer realm="latchkey", error="invalid_token"')
    t.is((await askToken(each, machine)).status, 401)
  }
  t.is((await drop(machine.id)).status, 404)
  const add = client.post(`${clientsPath}/${machine.id}/secrets`, undefined, { token: admin.access })
  t.is((await add).status, 404, 'a revoked client gets no new secret')
})

test('client loses a scope → its token opens the routes of that scope no more', async t => {
  const machine = await aMachine(world, ['users:read', 'audit:read'], admin.access)
  const token = await machineToken(client, machine)
  await world.sql(`UPDATE clients SET scopes = '{audit:read}' WHERE id = $1`, [machine.id])
  for (const each of clients) {
    t.is((await each.get(usersPath, { token })).status, 403)
    t.is((await each.get('/api/v1/admin/audit-events', { token })).status, 200)
  }
})

test('client gains a scope → a token from before does not have it', async t => {
  const machine = await aMachine(world, ['users:read'], admin.access)
  const token = await machineToken(client, machine)
  await world.sql(`UPDATE clients SET scopes = '{users:read,audit:read}' WHERE id = $1`, [machine.id])
  t.is((await client.get('/api/v1/admin/audit-events', { token })).status, 403)
})

test('secret is replaced → the client gets tokens at every moment, and the old secret none afterwards', async t => {
  const machine = await aMachine(world, ['users:read'], admin.access)
  const path = `${clientsPath}/${machine.id}/secrets`
  const added = await client.post(path, undefined, { token: admin.access })
  const next = { ...machine, secret: added.body.secret }
  for (const each of clients)
    for (const secret of [machine, next]) t.is((await askToken(each, secret)).status, 200)
  const token = await machineToken(client, machine)
  t.is((await drop(`${machine.id}/secrets/${machine.prefix}`)).status, 204)
  for (const each of clients) {
    t.is((await askToken(each, machine)).status, 401)
    t.is((await askToken(each, next)).status, 200)
    t.is((await each.get(usersPath, { token })).status, 200, 'a token lives until it expires')
  }
  t.is((await drop(`${machine.id}/secrets/${machine.prefix}`)).status, 404)
  t.is((await drop(`${machine.id}/secrets/${added.body.prefix}`)).status, 204, 'the last one too')
  t.is((await askToken(client, next)).status, 401)
})

test('machine token expires → 401 TOKEN_EXPIRED, and the client asks for another', async t => {
  const machine = await aMachine(world, ['users:read'], admin.access)
  const token = await machineToken(client, machine)
  await world.travel(16 * 60_000)
  const { status, body } = await client.get(usersPath, { token })
  t.deepEqual([status, body.code], [401, 'TOKEN_EXPIRED'])
  t.is((await client.get(usersPath, { token: await machineToken(client, machine) })).status, 200)
  await world.travel(0)
})

const withBearer = allRoutes.filter(({ auth }) => ['bearer', 'optional', 'bearerOrRefresh'].includes(auth))

for (const { method, path, example, body } of withBearer)
  test(`machine token at ${method} ${path} → 401 INVALID_TOKEN`, async t => {
    const token = await allScopes()
    const target = path.replace(/:\w+/g, '018f0000-0000-7000-8000-000000000001')
    const sent = { token, ...(body && { body: path.endsWith('/logout') ? {} : example?.body }) }
    const reply = await client.send(method, target, sent)
    t.deepEqual([reply.status, reply.body?.code], [401, 'INVALID_TOKEN'])
  })

let pending: Promise<string> | null = null
const allScopes = (): Promise<string> => {
  const scopes = ['orders:read', ...allRoutes.flatMap(({ scope }) => scope ?? [])]
  pending ??= aMachine(world, [...new Set(scopes)], admin.access).then(made => machineToken(client, made))
  return pending
}

for (const { method, path, example, body, scope = '' } of allRoutes.filter(({ auth }) => auth === 'admin'))
  test(`machine token with ${scope} at ${method} ${path} → passes, and without it 403`, async t => {
    const target = path
      .replace('/clients/:id', '/clients/lkc_018f0000000070008000000000000001')
      .replace(':prefix', 'lks_00000000')
      .replace(/:\w+/g, '018f0000-0000-7000-8000-000000000001')
    const send = (token: string) =>
      client.send(method, target, { token, ...(body && { body: example?.body }) })
    const right = await send(await allScopes())
    t.true([200, 201, 202, 204, 404, 409].includes(right.status), right.text)
    const wrong = await send(await machineToken(client, await otherMachine()))
    t.deepEqual([wrong.status, wrong.body.code], [403, 'INSUFFICIENT_SCOPE'])
    t.true(wrong.headers.get('www-authenticate')?.endsWith(`scope="${scope}"`))
  })

let another: ReturnType<typeof aMachine> | null = null
const otherMachine = () => {
  another ??= aMachine(world, ['introspect', 'revoke', 'users', 'users:readx', 'admin'], admin.access)
  return another
}

test('last administrator → a machine client cannot demote, deactivate or delete the account', async t => {
  const owner = await anAccount(client)
  await world.sql(`UPDATE users SET roles = '{user}' WHERE 'admin' = ANY(roles)`)
  await world.sql(`UPDATE users SET roles = '{user,admin}', email_verified = true WHERE id = $1`, [
    owner.userId,
  ])
  const token = await allScopes()
  const path = `${usersPath}/${owner.userId}`
  const replies = [
    await client.patch(path, { roles: ['user'] }, { token }),
    await client.patch(path, { is_active: false }, { token }),
    await client.send('DELETE', path, { token }),
  ]
  for (const { status, body } of replies) t.deepEqual([status, body.code], [403, 'FORBIDDEN'])
  await world.sql(`UPDATE users SET roles = '{user,admin}' WHERE id = $1`, [admin.userId])
})
