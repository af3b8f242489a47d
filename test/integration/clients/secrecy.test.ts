import test from 'ava'
import { openWorld } from '../../world.ts'
import { anAdmin } from '../admin/admin-account.ts'
import { readPostgres, readRedis } from '../secrecy/stored-data.ts'
import { aMachine, askToken, basic, clientsPath, postForm, tokenPath } from './machine.ts'

const world = await openWorld({ worker: true })
const { client } = world
test.after.always(() => world[Symbol.asyncDispose]())

test('secret of a client → in no row, Redis key, log line, audit event or later reply', async t => {
  const { access: token } = await anAdmin(world)
  const machine = await aMachine(world, ['users:read', 'clients:read'], token)
  const path = `${clientsPath}/${machine.id}/secrets`
  const added = await client.post(path, undefined, { token })
  t.is(added.headers.get('cache-control'), 'no-store')
  const issued = await askToken(client, machine)
  await askToken(client, { ...machine, secret: added.body.secret })
  await postForm(client, tokenPath, {
    grant_type: 'client_credentials',
    client_id: machine.id,
    client_secret: machine.secret,
  })
  // Wrong in each way that a log line could quote.
  const wrong = `${machine.secret.slice(0, -1)}!`
  await askToken(client, { ...machine, secret: wrong })
  await postForm(
    client,
    tokenPath,
    { grant_type: machine.secret },
    { authorization: basic(machine.id, wrong) },
  )
  await client.post(tokenPath, { client_secret: machine.secret })
  await client.get(`/api/v1/oauth/${machine.secret}`)
  await client.get('/api/v1/admin/users', { token: machine.secret })
  await client.send('DELETE', `${path}/${machine.secret}`, { token })

  const lists = [
    await client.get(clientsPath, { token }),
    await client.get('/api/v1/admin/audit-events?limit=100', { token }),
  ]
  const stored = JSON.stringify([
    await readPostgres(world),
    await readRedis(world),
    await world.logs(),
    lists.map(({ text }) => text),
  ])
  t.true(stored.includes(machine.prefix), 'the prefix is known')
  for (const secret of [machine.secret, added.body.secret, wrong, issued.body.access_token]) {
    t.false(stored.includes(secret))
    t.false(stored.includes(secret.slice(12, 44)))
  }
})
