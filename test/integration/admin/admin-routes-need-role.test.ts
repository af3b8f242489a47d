import test from 'ava'
import { v7 as uuid } from 'uuid'
import { problems } from '../../../src/platform/catalog/problems.ts'
import type { Route } from '../../../src/platform/http/route.ts'
import type { Client, Reply } from '../../client.ts'
import { anAccount, password } from '../../fixtures.ts'
import { allRoutes } from '../../routes.ts'
import { openShop } from '../purchases/shop.ts'
import { adminActions, anAdmin } from './admin-account.ts'

const world = await openShop()
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())
const clients = [world.client, other.client]

const adminRoutes = allRoutes.filter(({ path }) => path.startsWith('/api/v1/admin'))
const routesWithId = adminRoutes.filter(({ path }) => path.includes(':id'))

/** Bodies for routes that refuse an empty one. */
const bodies: Record<string, object> = {
  '/api/v1/admin/clients': { name: 'A', scopes: ['a'] },
  '/api/v1/admin/sites': { slug: 'a', name: 'A', description: 'A', price: 1, currency: 'GTQ' },
}

/** The path with an id of its kind: those of machine clients have another form. */
const withId = (path: string, id: string): string =>
  path
    .replace('/clients/:id', `/clients/lkc_${id.replaceAll('-', '').padEnd(32, '0')}`)
    .replace(':prefix', 'lks_00000000')
    .replace(/:\w+/, id)

const ask = ({ method, path, body }: Route, id: string, token: string | undefined, client: Client) =>
  client.send(method, withId(path, id), { token, ...(body && { body: bodies[path] ?? {} }) })

const askAllRoutes = async (token: string | undefined, id: string): Promise<[string, Reply][]> => {
  const replies: [string, Reply][] = []
  for (const client of clients)
    for (const route of adminRoutes)
      replies.push([`${route.method} ${route.path}`, await ask(route, id, token, client)])
  return replies
}

const rowOf = async (id: string) => (await world.sql('SELECT * FROM users WHERE id = $1', [id]))[0]
const emailIdOf = async (userId: string) =>
  (await world.sql<{ id: string }>('SELECT id FROM emails WHERE user_id = $1', [userId]))[0]?.id ?? ''
const comparable = ({ status, headers, body: { request_id: _, ...body } }: Reply) => ({
  status,
  challenge: headers.get('www-authenticate'),
  body,
})

test.serial('every route below /admin declares the admin authentication', t => {
  t.true(adminRoutes.length > 0 && routesWithId.length > 0)
  t.deepEqual(
    adminRoutes.filter(({ auth }) => auth !== 'admin').map(({ path }) => path),
    [],
  )
})

test.serial('admin route without a token → 401, for existing and unknown ids', async t => {
  const { userId } = await anAccount(world.client)
  const before = await rowOf(userId)
  for (const id of [userId, await emailIdOf(userId), uuid()])
    for (const [name, reply] of await askAllRoutes(undefined, id)) {
      t.is(reply.status, 401, name)
      t.is(reply.body.code, 'AUTH_ERROR')
      t.is(reply.headers.get('www-authenticate'), 'Bearer realm="latchkey"')
    }
  t.is((await fetch(`${world.url}/api/v1/admin/users`, { method: 'HEAD' })).status, 401)
  t.deepEqual(await rowOf(userId), before)
})

test.serial(
  'admin route with the token of a user → the same 403 insufficient_scope for existing and unknown ids',
  async t => {
    const [eve, { userId }] = [await anAccount(world.client), await anAccount(world.client)]
    const [before, emailId] = [await rowOf(userId), await emailIdOf(userId)]
    const forUnknownId = await askAllRoutes(eve.access, uuid())
    for (const [name, reply] of forUnknownId)
      t.like(
        comparable(reply),
        {
          status: 403,
          challenge: 'Bearer realm="latchkey", error="insufficient_scope"',
          body: { code: 'FORBIDDEN', detail: problems.FORBIDDEN.details.role },
        },
        name,
      )
    for (const id of [userId, emailId, eve.userId]) {
      const replies = await askAllRoutes(eve.access, id)
      t.deepEqual(
        replies.map(([, reply]) => comparable(reply)),
        forUnknownId.map(([, reply]) => comparable(reply)),
      )
    }
    t.deepEqual(await rowOf(userId), before)
  },
)

test.serial('an administrator is demoted → every instance refuses the old tokens at once', async t => {
  const [ada, eve, { userId }] = [await anAdmin(world), await anAdmin(world), await anAccount(world.client)]
  t.is((await adminActions(other.client, eve.access).read(userId)).status, 200)
  t.is((await adminActions(world.client, ada.access).change(eve.userId, { roles: ['user'] })).status, 200)
  for (const [name, reply] of await askAllRoutes(eve.access, userId)) {
    t.is(reply.status, 401, name)
    t.is(reply.body.code, 'SESSION_REVOKED')
  }
  t.is((await other.client.post('refresh', { refresh_token: eve.refresh })).status, 401)
  const again = await world.client.post('login', { email: eve.email, password })
  for (const [name, reply] of await askAllRoutes(again.body.access_token, userId))
    t.is(reply.status, 403, name)
})

test.serial('a token claims the admin role, but the database does not → 403', async t => {
  const eve = await anAdmin(world)
  const { body } = await world.client.post('login', { email: eve.email, password })
  const { userId } = await anAccount(world.client)
  t.is((await adminActions(other.client, body.access_token).read(userId)).status, 200)
  await world.sql(`UPDATE users SET roles = '{user}' WHERE id = $1`, [eve.userId])
  for (const [name, reply] of await askAllRoutes(body.access_token, userId)) t.is(reply.status, 403, name)
})

test.serial('an administrator is deactivated → every instance refuses the tokens at once', async t => {
  const [ada, eve, { userId }] = [await anAdmin(world), await anAdmin(world), await anAccount(world.client)]
  t.is((await adminActions(world.client, ada.access).change(eve.userId, { is_active: false })).status, 200)
  const before = await rowOf(userId)
  for (const [name, reply] of await askAllRoutes(eve.access, userId)) {
    t.is(reply.status, 401, name)
    t.is(reply.body.code, 'SESSION_REVOKED')
  }
  t.deepEqual(await rowOf(userId), before)
})

test.serial('an administrator is demoted during own requests → all later requests get 401', async t => {
  const [ada, eve] = [await anAdmin(world), await anAdmin(world)]
  const read = () => Promise.all(clients.map(client => adminActions(client, eve.access).list('limit=1')))
  const racing = Promise.all(Array.from({ length: 10 }, read))
  t.is((await adminActions(other.client, ada.access).change(eve.userId, { roles: ['user'] })).status, 200)
  const after = await read()
  t.deepEqual(
    after.map(({ status }) => status),
    [401, 401],
  )
  for (const { status, text } of (await racing).flat())
    t.true([200, 401, 403].includes(status), `${status} ${text}`)
})

test.serial('admin route with an unknown or malformed id → 404, and nothing changes', async t => {
  const { access, userId } = await anAdmin(world)
  const before = await world.sql('SELECT * FROM users ORDER BY id')
  const malformedIds = [
    'x',
    '1',
    '*',
    `{${userId}}`,
    `${userId}0`,
    userId.replaceAll('-', ''),
    "'%20OR%201=1--",
    '%00',
  ]
  for (const route of routesWithId)
    for (const id of [uuid(), '00000000-0000-0000-0000-000000000000', ...malformedIds]) {
      const reply = await ask(route, id, access, world.client)
      t.is(reply.status, 404, `${route.method} ${route.path} ${id}`)
      t.is(reply.body.code, 'NOT_FOUND')
      if (id.length > 1) t.false(reply.text.includes(id))
    }
  t.deepEqual(await world.sql('SELECT * FROM users ORDER BY id'), before)
  t.is((await adminActions(world.client, access).read(userId.toUpperCase())).body.id, userId)
})
