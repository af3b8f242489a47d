import anyTest, { type ExecutionContext } from 'ava'
import { resealRows } from '../../../src/features/app-secret/reseal-rows.ts'
import type { Client } from '../../client.ts'
import { type Account, anAccount } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { instanceWith } from './secret-lists.ts'

// Sessions while APP_SECRET changes: instances with different lists serve the same session, in any order and at once.

const test = anyTest.serial

const world = await openLocalWorld()
const oldThenNew = await instanceWith(world, 'oldThenNew')
const newThenOld = await instanceWith(world, 'newThenOld')
await resealRows(newThenOld.deps)
const onlyNew = await instanceWith(world, 'new')
anyTest.after.always(async () => {
  for (const instance of [oldThenNew, newThenOld, onlyNew]) await instance.close()
  await world[Symbol.asyncDispose]()
})

const grace = 10_000
const both = [oldThenNew.client, newThenOld.client] as const
const refresh = (client: Client, token: string) => client.post('refresh', { refresh_token: token })

const refreshed = async (t: ExecutionContext, client: Client, token: string): Promise<string> => {
  const { status, body } = await refresh(client, token)
  t.is(status, 200)
  return body.refresh_token
}

const secretOfSession = ({ userId, sessionId }: Account) =>
  world.redis.hmget(world.keys.session(userId, sessionId), 'secret_id', 'past_secret_ids')

const thefts = ({ userId }: Account) =>
  world.sql(`SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'session.reused'`, [userId])

const [oldId = '', newId = ''] = oldThenNew.deps.secrets.all.map(({ id }) => id)

test('one token at instances with either order at once → all get the same successor, round after round', async t => {
  const account = await anAccount(world.client)
  let token = account.refresh
  for (let round = 0; round < 8; round++) {
    const replies = await Promise.all([...both, ...both, ...both].map(client => refresh(client, token)))
    t.deepEqual([...new Set(replies.map(({ status }) => status))], [200])
    const successors = new Set(replies.map(({ body }) => body.refresh_token))
    t.is(successors.size, 1, `round ${round}`)
    token = [...successors][0]
  }
  t.deepEqual(await thefts(account), [])
})

test('lost reply of an instance with one order → a retry at the other order gets the same token', async t => {
  for (const [first, second] of [both, [...both].reverse()] as [Client, Client][]) {
    const account = await anAccount(world.client)
    const successor = await refreshed(t, first, account.refresh)
    t.is(await refreshed(t, second, account.refresh), successor)
    t.is(await refreshed(t, first, account.refresh), successor)
    await refreshed(t, second, successor)
    t.deepEqual(await thefts(account), [])
  }
})

test('refreshes at instances in random order, every token twice → the session is never lost', async t => {
  const account = await anAccount(oldThenNew.client)
  let token = account.refresh
  for (let step = 0; step < 40; step++) {
    const [first, second] = Math.random() < 0.5 ? both : [both[1], both[0]]
    const successor = await refreshed(t, first, token)
    if (Math.random() < 0.5) t.is(await refreshed(t, second, token), successor)
    token = successor
  }
  t.deepEqual(await thefts(account), [])
})

test('used token after the grace period at an instance with another order → theft, the session ends', async t => {
  for (const [first, second] of [both, [...both].reverse()] as [Client, Client][]) {
    const account = await anAccount(first)
    const successor = await refreshed(t, first, account.refresh)
    await world.travel(world.clock.shift + grace + 1000)
    t.is((await refresh(second, account.refresh)).body.code, 'INVALID_REFRESH_TOKEN')
    t.is((await thefts(account)).length, 1)
    t.is((await refresh(first, successor)).status, 401)
  }
})

test('session of the old secret is refreshed where the new one is first → it moves to the new secret', async t => {
  const account = await anAccount(world.client)
  t.deepEqual(await secretOfSession(account), [oldId, null])
  const second = await refreshed(t, oldThenNew.client, account.refresh)
  t.deepEqual(await secretOfSession(account), [oldId, null])
  const third = await refreshed(t, newThenOld.client, second)
  t.deepEqual(await secretOfSession(account), [newId, `${oldId} `])
  await refreshed(t, onlyNew.client, third)
})

test('session that names no secret, as older versions wrote it → repeats and refreshes work', async t => {
  const account = await anAccount(world.client)
  const successor = await refreshed(t, world.client, account.refresh)
  await world.redis.hdel(world.keys.session(account.userId, account.sessionId), 'secret_id')
  for (const client of both) t.is(await refreshed(t, client, account.refresh), successor)
  await refreshed(t, newThenOld.client, successor)
  t.deepEqual(await secretOfSession(account), [newId, `${oldId} `])
})

test('refresh token of a dropped secret, in a body or a cookie → 401, and the session continues elsewhere', async t => {
  const account = await anAccount(world.client)
  const unknown = await refresh(onlyNew.client, `lkr_${'A'.repeat(107)}`)
  const refused = await refresh(onlyNew.client, account.refresh)
  t.deepEqual([refused.status, refused.body.code], [401, 'INVALID_REFRESH_TOKEN'])
  t.deepEqual({ ...refused.body, request_id: '' }, { ...unknown.body, request_id: '' })
  const headers = { cookie: `latchkey=${account.refresh}`, 'sec-fetch-site': 'same-origin' }
  t.is((await onlyNew.client.post('refresh', {}, { headers })).status, 401)
  t.is((await onlyNew.client.post('logout', { refresh_token: account.refresh })).status, 204)
  t.is((await onlyNew.client.get('me', { token: account.access })).status, 200)
  await refreshed(t, newThenOld.client, account.refresh)
})

test('repeat where the secret of the successor is unknown → 401, and the session continues elsewhere', async t => {
  const account = await anAccount(world.client)
  const successor = await refreshed(t, newThenOld.client, account.refresh)
  t.is((await refresh(world.client, account.refresh)).status, 401)
  t.deepEqual(await thefts(account), [])
  t.is(await refreshed(t, oldThenNew.client, account.refresh), successor)
})
