import test from 'ava'
import { anAccount } from '../make.ts'
import { openWorld } from '../world.ts'

const world = await openWorld()
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())

const clients = [world.client, other.client]
const many = <T>(count: number, ask: (i: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, i) => ask(i)))
const clientOf = (i: number) => clients[i % clients.length] ?? world.client

// Connections that are open already let the requests arrive together.
test.before(() => many(50, i => clientOf(i).get('/livez')))

test.serial('fifty refreshes at once with one token, on two instances, get one successor', async t => {
  const account = await anAccount(world.client)
  const replies = await many(50, i => clientOf(i).post('refresh', { refresh_token: account.refresh }))
  t.deepEqual([...new Set(replies.map(({ status }) => status))], [200])
  const successors = new Set(replies.map(({ body }) => body.refresh_token))
  t.is(successors.size, 1)

  const [successor] = successors
  const onward = await other.client.post('refresh', { refresh_token: successor })
  t.is(onward.status, 200)
  t.false(successors.has(onward.body.refresh_token))
  const accesses = replies.map(({ body }) => body.access_token)
  const asked = await many(50, i => clientOf(i).get('me', { token: accesses[i] }))
  t.deepEqual([...new Set(asked.map(({ status }) => status))], [200])
  const reported = await world.sql(
    `SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'session.reused'`,
    [account.userId],
  )
  t.is(reported.length, 0)
})

test.serial('races over ten tokens in a row never fork nor end the chain', async t => {
  const account = await anAccount(world.client)
  let token = account.refresh
  for (let step = 0; step < 10; step++) {
    const replies = await many(8, i => clientOf(i).post('refresh', { refresh_token: token }))
    t.deepEqual([...new Set(replies.map(({ status }) => status))], [200])
    const successors = new Set(replies.map(({ body }) => body.refresh_token))
    t.is(successors.size, 1)
    token = [...successors][0]
  }
})

test.serial('a refresh that races with a logout leaves nothing that works', async t => {
  for (let round = 0; round < 10; round++) {
    const account = await anAccount(world.client)
    const [refreshed, ended] = await Promise.all([
      clientOf(round).post('refresh', { refresh_token: account.refresh }),
      clientOf(round + 1).post('logout', { refresh_token: account.refresh }),
    ])
    t.is(ended.status, 204)
    const token = refreshed.body.refresh_token ?? account.refresh
    t.is((await world.client.post('refresh', { refresh_token: token })).status, 401)
    t.is((await other.client.get('me', { token: refreshed.body.access_token ?? account.access })).status, 401)
  }
})
