import anyTest from 'ava'
import pg from 'pg'
import type { Reply } from '../../client.ts'
import { anAccount } from '../../fixtures.ts'
import { anApp } from '../../totp.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'
import { anAdmin } from '../admin/admin-account.ts'
import { aMachine, clientsPath, machineToken } from './machine.ts'

// A thief who holds the secret of a client sends changes while its owner revokes it. What the owner finds afterwards must be
// all that there is.

const test = anyTest.serial

const world = await openWorld()
const { client, sql } = world
const admin = await anAdmin(world)
const target = await anAccount(client)
await sql('UPDATE users SET email_verified = true WHERE id = $1', [target.userId])
await anApp(client, target.access)
const managed = await aMachine(world, ['orders:read'], admin.access)
anyTest.after.always(() => world[Symbol.asyncDispose]())

const usersPath = '/api/v1/admin/users'
const changes: Record<string, (token: string) => Promise<Reply>> = {
  'creates a client': token => client.post(clientsPath, { name: 'Kept', scopes: ['orders:read'] }, { token }),
  'adds a secret': token => client.post(`${clientsPath}/${managed.id}/secrets`, undefined, { token }),
  'drops a secret': token =>
    client.send('DELETE', `${clientsPath}/${managed.id}/secrets/${managed.prefix}`, { token }),
  'revokes a client': token => client.send('DELETE', `${clientsPath}/${managed.id}`, { token }),
  'makes an administrator': token =>
    client.send('PATCH', `${usersPath}/${target.userId}`, { body: { roles: ['user', 'admin'] }, token }),
  'resets the factors of a user': token =>
    client.send('DELETE', `${usersPath}/${target.userId}/factors`, { token }),
  'deletes a user': token => client.send('DELETE', `${usersPath}/${target.userId}`, { token }),
}

const stored = async () => [
  await sql('SELECT id FROM clients WHERE revoked_at IS NULL AND name = $1', ['Kept']),
  await sql('SELECT prefix FROM client_secrets WHERE client_id = $1', [managed.id]),
  await sql('SELECT roles, factor_types, erase_after FROM users WHERE id = $1', [target.userId]),
]

const isWaiting = async (): Promise<boolean> =>
  (await sql(`SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`))
    .length > 0

for (const [name, change] of Object.entries(changes))
  test(`${name}, and is revoked while the request waits → 401, and nothing changes`, async t => {
    const thief = await aMachine(world, ['clients:write', 'users:write', 'orders:read'], admin.access)
    const token = await machineToken(client, thief)
    const before = await stored()
    const owner = new pg.Client({ connectionString: world.env.DATABASE_URL })
    await owner.connect()
    try {
      await owner.query('BEGIN')
      await owner.query('UPDATE clients SET revoked_at = now() WHERE id = $1', [thief.id])
      const pending = change(token)
      await until('the request waits for the revocation', isWaiting)
      await owner.query('COMMIT')
      const { status, body } = await pending
      t.deepEqual([status, body.code], [401, 'INVALID_TOKEN'])
    } finally {
      await owner.end()
    }
    t.deepEqual(await stored(), before)
  })

for (const name of ['creates a client', 'adds a secret', 'drops a secret', 'revokes a client'])
  test(`administrator ${name}, and loses the role while the request waits → 403, and nothing changes`, async t => {
    const fired = await anAdmin(world)
    const before = await stored()
    const owner = new pg.Client({ connectionString: world.env.DATABASE_URL })
    await owner.connect()
    try {
      await owner.query('BEGIN')
      await owner.query(`UPDATE users SET roles = '{user}' WHERE id = $1`, [fired.userId])
      const pending = changes[name]?.(fired.access)
      await until('the request waits for the change of roles', isWaiting)
      await owner.query('COMMIT')
      const reply = await pending
      t.deepEqual([reply?.status, reply?.body.code], [403, 'FORBIDDEN'])
    } finally {
      await owner.end()
    }
    t.deepEqual(await stored(), before)
  })

test('two clients add secrets to each other and to themselves at once → no deadlock', async t => {
  const scopes = ['clients:write', 'orders:read']
  const [one, two] = [
    await aMachine(world, scopes, admin.access),
    await aMachine(world, scopes, admin.access),
  ]
  const tokens = [await machineToken(client, one), await machineToken(client, two)]
  const add = (id: string, token: string) => client.post(`${clientsPath}/${id}/secrets`, undefined, { token })
  const replies = await Promise.all(
    [one.id, two.id].flatMap(id => tokens.flatMap(token => [add(id, token), add(id, token)])),
  )
  t.deepEqual(replies.map(({ status }) => status).sort(), [201, 201, 409, 409, 409, 409, 409, 409])
})
