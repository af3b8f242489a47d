import test from 'ava'
import { allRoutes } from '../../routes.ts'
import { openWorld } from '../../world.ts'
import { anAdmin } from '../admin/admin-account.ts'
import { aMachine, clientsPath, type Made, machineToken } from './machine.ts'

// A machine client that may manage clients must not become stronger than it is.

const world = await openWorld({ env: { RATE_LIMITS: '' } })
const { client } = world
const admin = await anAdmin(world)
const weak = await aMachine(world, ['clients:write', 'clients:read', 'orders:read'], admin.access)
const token = await machineToken(client, weak)
test.after.always(() => world[Symbol.asyncDispose]())

const secretsOf = (id: string) => `${clientsPath}/${id}/secrets`
const stored = async (id: string) => {
  const secrets = await world.sql('SELECT prefix FROM client_secrets WHERE client_id = $1', [id])
  return [secrets, await world.sql('SELECT revoked_at, scopes FROM clients WHERE id = $1', [id])]
}

test('client with clients:write creates a client with a scope that it lacks → 403 that names the scope', async t => {
  for (const scopes of [['users:write'], ['orders:read', 'users:read'], ['introspect'], ['orders:write']]) {
    const reply = await client.post(clientsPath, { name: 'Mine', scopes }, { token })
    t.deepEqual([reply.status, reply.body.code], [403, 'INSUFFICIENT_SCOPE'])
    const missing = scopes.filter(scope => !weak.scopes.includes(scope))
    t.true(reply.headers.get('www-authenticate')?.includes(`scope="${missing.join(' ')}"`))
  }
  const made = await client.post(clientsPath, { name: 'Mine', scopes: ['orders:read'] }, { token })
  t.is(made.status, 201)
  t.deepEqual(made.body.scopes, ['orders:read'])
})

test('client with clients:write adds, drops or revokes for a stronger client → 403, and nothing changes', async t => {
  const strong = await aMachine(world, ['users:write', 'orders:read'], admin.access)
  const before = await stored(strong.id)
  const replies = [
    await client.post(secretsOf(strong.id), undefined, { token }),
    await client.send('DELETE', `${secretsOf(strong.id)}/${strong.prefix}`, { token }),
    await client.send('DELETE', `${clientsPath}/${strong.id}`, { token }),
  ]
  for (const { status, body } of replies) t.deepEqual([status, body.code], [403, 'INSUFFICIENT_SCOPE'])
  t.deepEqual(await stored(strong.id), before)
})

test('token with fewer scopes than its client → manages only what the token may', async t => {
  const narrow = await machineToken(client, weak, 'clients:write')
  const reply = await client.post(clientsPath, { name: 'Mine', scopes: ['orders:read'] }, { token: narrow })
  t.is(reply.status, 403)
  t.is((await client.post(secretsOf(weak.id), undefined, { token: narrow })).status, 403)
  t.is((await client.get(clientsPath, { token: narrow })).status, 403)
})

test('client with clients:read alone → changes nothing', async t => {
  const reader = await machineToken(client, await aMachine(world, ['clients:read'], admin.access))
  t.is((await client.get(clientsPath, { token: reader })).status, 200)
  t.is(
    (await client.post(clientsPath, { name: 'A', scopes: ['clients:read'] }, { token: reader })).status,
    403,
  )
})

test('administrator → grants any scope, and manages any client', async t => {
  const strong = await aMachine(world, ['users:write', 'introspect', 'anything'], admin.access)
  const added = await client.post(secretsOf(strong.id), undefined, { token: admin.access })
  t.is(added.status, 201)
  t.is((await client.send('DELETE', `${clientsPath}/${strong.id}`, { token: admin.access })).status, 204)
})

test('two secrets → a third is refused, also for requests at once', async t => {
  const machine = await aMachine(world, ['a'], admin.access)
  const add = () => client.post(secretsOf(machine.id), undefined, { token: admin.access })
  const replies = await Promise.all([add(), add(), add(), add()])
  t.deepEqual(replies.map(({ status }) => status).sort(), [201, 409, 409, 409])
  t.is(replies.find(({ status }) => status === 409)?.body.code, 'SECRET_LIMIT_REACHED')
})

test('audit event of a change by a machine client → names the client, and no user', async t => {
  const made: Made = (await client.post(clientsPath, { name: 'Made', scopes: ['orders:read'] }, { token }))
    .body
  const path = `/api/v1/admin/audit-events?actor_client_id=${weak.id}&type=client.created`
  const { body } = await client.get(path, { token: admin.access })
  const event = body.data.find((each: { data: { client_id: string } }) => each.data.client_id === made.id)
  t.like(event, { actor_id: null, actor_client_id: weak.id, user_id: null })
  t.false(JSON.stringify(body).includes(made.secret))
})

test('machine token at a route of administrators → counted by client, not by session', async t => {
  const { headers } = await client.get(clientsPath, { token })
  t.regex(headers.get('ratelimit') ?? '', /^"machine";r=\d+;t=\d+$/)
  t.is(headers.get('ratelimit-policy'), '"machine";q=3000;w=900')
})

test('every route of administrators → names a scope', t => {
  const routes = allRoutes.filter(({ auth }) => auth === 'admin')
  t.true(routes.length > 10)
  for (const { method, path, scope } of routes) {
    t.regex(scope ?? '', /^[a-z]+:(read|write)$/, path)
    t.is(scope?.endsWith(':read'), method === 'GET', `${method} ${path}`)
  }
})

const bad: [what: string, body: object][] = [
  ['no scope', { name: 'A', scopes: [] }],
  ['a space in a scope', { name: 'A', scopes: ['users:read users:write'] }],
  ['a quotation mark in a scope', { name: 'A', scopes: ['a"b'] }],
  ['a backslash in a scope', { name: 'A', scopes: ['a\\b'] }],
  ['a letter beyond ASCII in a scope', { name: 'A', scopes: ['ordérs'] }],
  ['an empty scope', { name: 'A', scopes: [''] }],
  ['a scope of 65 characters', { name: 'A', scopes: ['a'.repeat(65)] }],
  ['51 scopes', { name: 'A', scopes: Array.from({ length: 51 }, (_, n) => `s${n}`) }],
  [
    'too many characters for a token',
    { name: 'A', scopes: Array.from({ length: 20 }, (_, n) => `${n}`.padEnd(60, 's')) },
  ],
  ['a name of 101 characters', { name: 'x'.repeat(101), scopes: ['a'] }],
  ['a line break in the name', { name: 'a\nb', scopes: ['a'] }],
  ['a bidirectional override in the name', { name: 'a\u202Eb', scopes: ['a'] }],
  ['an invisible name', { name: '\u200b', scopes: ['a'] }],
  ['a secret of its own', { name: 'A', scopes: ['a'], secret: 'lks_mine' }],
]
for (const [what, body] of bad)
  test(`new client with ${what} → 400`, async t => {
    const reply = await client.post(clientsPath, body, { token: admin.access })
    t.deepEqual([reply.status, reply.body.code], [400, 'VALIDATION_ERROR'])
  })

test('client with as many scopes as it may have → its token is accepted', async t => {
  const scopes = ['users:read', ...Array.from({ length: 15 }, (_, n) => `${n}`.padEnd(60, 's'))]
  const machine = await aMachine(world, scopes, admin.access)
  const { status } = await client.get('/api/v1/admin/users', { token: await machineToken(client, machine) })
  t.is(status, 200)
})

test('list of clients → newest first, in pages, without a secret or a hash', async t => {
  const made = [await aMachine(world, ['p'], admin.access), await aMachine(world, ['p'], admin.access)]
  const first = await client.get(`${clientsPath}?limit=1`, { token: admin.access })
  t.is(first.body.data.length, 1)
  const next = await client.get(`${clientsPath}?limit=100&cursor=${first.body.next_cursor}`, {
    token: admin.access,
  })
  const ids = [...first.body.data, ...next.body.data].map(({ id }: Made) => id)
  t.deepEqual(ids, [...ids].sort().reverse())
  for (const { id, secret } of made) {
    t.true(ids.includes(id))
    t.false((first.text + next.text).includes(secret))
  }
  // The eight random characters after `lks_` may form any word.
  t.notRegex(next.text, /hash\w*":|lks_\w{9}/)
  const foreign = Buffer.from('019a5f7e-7a30-7c4e-9d0b-3f1f6f1d2c4b').toString('base64url')
  t.is((await client.get(`${clientsPath}?cursor=${foreign}`, { token: admin.access })).status, 400)
})
