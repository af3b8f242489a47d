import test from 'ava'
import { anAccount } from '../make.ts'
import { openPools, statusesOf, times, volley } from '../volley.ts'
import { openWorld } from '../world.ts'

// One refresh token at two instances at the same moment: tabs, retries, or a thief beside the owner.

const world = await openWorld()
const other = await world.instance()
await openPools(world, other)
test.after.always(() => world[Symbol.asyncDispose]())

const { client, clock, deps, sql } = world
const both = [world.url, other.url]
const refreshOf = (token: string) => ({ path: 'refresh', body: { refresh_token: token } })
const refresh = (token: string, by = client) => by.post('refresh', { refresh_token: token })
const reportsOf = (userId: string) =>
  sql(`SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'session.reused'`, [userId])
const warningsOf = (userId: string) =>
  sql(`SELECT 1 FROM emails WHERE user_id = $1 AND kind = 'session_reuse'`, [userId])

test.serial('fifty refreshes at once with one token, on two instances, get one successor', async t => {
  const account = await anAccount(client)
  const replies = await volley(both, times(50, refreshOf(account.refresh)))
  t.deepEqual(statusesOf(replies), { 200: 50 })
  const successors = new Set(replies.map(({ body }) => body.refresh_token))
  t.is(successors.size, 1)
  t.deepEqual([...new Set(replies.map(({ body }) => body.session_id))], [account.sessionId])
  t.deepEqual(await deps.redis.zrange(deps.keys.sessions(account.userId), 0, -1), [account.sessionId])

  const [successor] = successors
  const onward = await refresh(successor, other.client)
  t.is(onward.status, 200)
  t.false(successors.has(onward.body.refresh_token))
  const asked = await volley(
    both,
    replies.map(({ body }) => ({ method: 'GET', path: 'me', token: body.access_token })),
  )
  t.deepEqual(statusesOf(asked), { 200: 50 })
  t.is((await reportsOf(account.userId)).length, 0)
})

test.serial('races over ten tokens in a row never fork nor end the chain', async t => {
  const account = await anAccount(client)
  let token = account.refresh
  for (let step = 0; step < 10; step++) {
    const replies = await volley(both, times(8, refreshOf(token)))
    t.deepEqual(statusesOf(replies), { 200: 8 })
    const successors = new Set(replies.map(({ body }) => body.refresh_token))
    t.is(successors.size, 1)
    token = [...successors][0]
  }
})

test.serial('a token and its successor at once never leave two lineages', async t => {
  for (let round = 0; round < 5; round++) {
    const account = await anAccount(client)
    const { body: second } = await refresh(account.refresh)
    const replies = await volley(
      both,
      times(20, i => refreshOf(i % 4 < 2 ? account.refresh : second.refresh_token)),
    )
    const given = new Set(replies.flatMap(({ body }) => body.refresh_token ?? []))
    given.delete(second.refresh_token)
    t.true(given.size <= 1, 'one successor of the successor')
    // Once the successor is spent, its parent is a stolen one.
    const refused = replies.filter(({ status }) => status !== 200)
    t.true(refused.length > 0)
    for (const { status, body } of refused) t.like({ status, code: body.code }, refusal)
    for (const token of [account.refresh, second.refresh_token, ...given])
      t.is((await refresh(token)).status, 401)
    t.is((await reportsOf(account.userId)).length, 1)
  }
})
const refusal = { status: 401, code: 'INVALID_REFRESH_TOKEN' }

test.serial(
  'fifty at once with a parent from before the grace end the session, and tell of it once',
  async t => {
    const account = await anAccount(client)
    const { body: second } = await refresh(account.refresh)
    clock.shift += 10_001
    const replies = await volley(both, times(50, refreshOf(account.refresh)))
    t.deepEqual(statusesOf(replies), { 401: 50 })
    t.deepEqual([...new Set(replies.map(({ body }) => body.code))], ['INVALID_REFRESH_TOKEN'])
    t.is((await refresh(second.refresh_token)).status, 401)
    for (const token of [account.access, second.access_token])
      for (const by of [client, other.client])
        t.is((await by.get('me', { token })).body.code, 'SESSION_REVOKED')
    t.is((await reportsOf(account.userId)).length, 1)
    t.is((await warningsOf(account.userId)).length, 1)
    t.is(await deps.redis.zcard(deps.keys.sessions(account.userId)), 0)
  },
)

test.serial('the owner who refreshes among fifty thieves loses the session too', async t => {
  const account = await anAccount(client)
  const { body: second } = await refresh(account.refresh)
  clock.shift += 10_001
  const shots = times(50, i => refreshOf(i % 10 === 9 ? second.refresh_token : account.refresh))
  const replies = await volley(both, shots)
  for (const { status, body } of replies)
    if (status === 200) {
      t.is((await refresh(body.refresh_token)).status, 401)
      t.is((await client.get('me', { token: body.access_token })).body.code, 'SESSION_REVOKED')
    }
  t.is((await refresh(second.refresh_token)).status, 401)
  t.is((await reportsOf(account.userId)).length, 1)
  t.is((await warningsOf(account.userId)).length, 1)
})
