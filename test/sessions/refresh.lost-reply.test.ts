import test from 'ava'
import { openClient } from '../client.ts'
import { anAccount } from '../make.ts'
import { openProxy } from '../proxy.ts'
import { openWorld, until } from '../world.ts'

const world = await openWorld()
const road = await openProxy('127.0.0.1', Number(new URL(world.url).port))
test.after.always(async () => {
  await road[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

const { client, clock, deps } = world
const refresh = (token: string, by = client) => by.post('refresh', { refresh_token: token })

/** Milliseconds since the last rotation of a session, as Redis counts them. */
const sinceRotation = async (userId: string, sessionId: string): Promise<number> => {
  const rotatedAt = Number(await deps.redis.hget(deps.keys.session(userId, sessionId), 'rotated_at'))
  const [seconds, microseconds] = await deps.redis.time()
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000) + clock.shift - rotatedAt
}

const travelPastRotation = async (userId: string, sessionId: string, age: number): Promise<void> => {
  clock.shift += age - (await sinceRotation(userId, sessionId))
}

test.serial('a client that lost the reply asks again and gets the successor', async t => {
  const account = await anAccount(client)
  const lost = road.loseReplyTo(account.refresh)
  await t.throwsAsync(refresh(account.refresh, openClient(world.url.replace(/\d+$/, String(road.port)))))
  await lost
  const key = deps.keys.session(account.userId, account.sessionId)
  t.truthy(await deps.redis.hget(key, 'rotated_at'), 'the token was spent')

  const retried = await refresh(account.refresh)
  t.is(retried.status, 200)
  t.is((await client.get('me', { token: retried.body.access_token })).status, 200)
  t.is((await refresh(account.refresh)).body.refresh_token, retried.body.refresh_token)
  t.is((await refresh(retried.body.refresh_token)).status, 200)
})

test.serial('two tabs that share a session stay signed in', async t => {
  const account = await anAccount(client)
  let token = account.refresh
  for (let turn = 0; turn < 3; turn++) {
    const [one, two] = [await refresh(token), await refresh(token)]
    t.is(one.status, 200)
    t.is(two.status, 200)
    t.is(two.body.refresh_token, one.body.refresh_token)
    for (const { body } of [one, two])
      t.is((await client.get('me', { token: body.access_token })).status, 200)
    token = two.body.refresh_token
    clock.shift += 60_000
  }
})

test.serial('a retry is still a retry half a second before the grace period ends', async t => {
  // An answer that came after the end says nothing: on a machine that is busy half a second may pass.
  const { first, retried } = await until('an answer within the grace period', async () => {
    const { userId, sessionId, refresh: token } = await anAccount(client)
    const first = await refresh(token)
    await travelPastRotation(userId, sessionId, 9500)
    const retried = await refresh(token)
    return (await sinceRotation(userId, sessionId)) < 10_000 && { first, retried }
  })
  t.is(retried.status, 200)
  t.is(retried.body.refresh_token, first.body.refresh_token)
})

test.serial('a retry does not prolong the grace period, and after it counts as theft', async t => {
  const account = await anAccount(client)
  const first = await refresh(account.refresh)
  await travelPastRotation(account.userId, account.sessionId, 5000)
  t.is((await refresh(account.refresh)).status, 200)
  await travelPastRotation(account.userId, account.sessionId, 10_001)
  const late = await refresh(account.refresh)
  t.is(late.status, 401)
  t.is(late.body.code, 'INVALID_REFRESH_TOKEN')
  t.is((await refresh(first.body.refresh_token)).status, 401)
  const told = await world.sql(
    `SELECT 1 FROM audit_events WHERE session_id = $1 AND type = 'session.reused'`,
    [account.sessionId],
  )
  t.is(told.length, 1)
})
