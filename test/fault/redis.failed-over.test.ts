import test from 'ava'
import type { Redis } from 'ioredis'
import { defaultTimeouts as timeouts } from '../../src/platform/config/timeouts.ts'
import { lastUntilFelt, openAdmin, runFaults, untilServed } from '../chaos/fault-run.ts'
import { highLimits, takeTurn } from '../chaos/fault-world.ts'
import { openMovableAddress } from '../chaos/movable-address.ts'
import { type OwnServer, openOwnRedis } from '../chaos/servers.ts'
import { anAccount } from '../fixtures.ts'
import { readFeed } from '../integration/revocations/feed-reader.ts'
import { openLocalWorld } from '../local-world.ts'
import { until } from '../until.ts'

const opened = new AsyncDisposableStack()
opened.use(await takeTurn('redis'))
const first = opened.use(await openOwnRedis())
const second = opened.use(await openOwnRedis())
const admins = { first: openAdmin(first.url), second: openAdmin(second.url) }
opened.defer(() => {
  admins.first.disconnect()
  admins.second.disconnect()
})
// The replica accepts the same password.
const { password } = new URL(first.url)
for (const admin of [admins.second, admins.first]) await admin.config('SET', 'masterauth', password)
await admins.second.config('SET', 'requirepass', password)

const address = opened.use(await openMovableAddress(first.url))
const world = opened.use(
  await openLocalWorld({
    timeouts,
    worker: true,
    servers: { redisUrl: address.through(first.url) },
    env: { RATE_LIMITS: highLimits },
  }),
)
const other = await world.instance()
test.after.always(async () => {
  await first.start()
  await opened.disposeAsync()
})

const { client, deps } = world

const follow = async (follower: Redis, leader: OwnServer) => {
  await follower.replicaof(leader.peer.host, leader.peer.port)
  await until('the replica to follow', async () =>
    /master_link_status:up/.test(await follower.info('replication')),
  )
}

test.serial('Redis hands over to its replica under load → a brief 503, and nothing is lost', async t => {
  await follow(admins.second, first)
  const signedOut = await anAccount(client)
  t.is((await client.post('logout', { refresh_token: signedOut.refresh })).status, 204)

  await runFaults(t, {
    world,
    urls: [world.url, other.url],
    faults: {
      'a handover': async load => {
        await admins.first.call('FAILOVER')
        await until('the replica to lead', async () =>
          /role:master/.test(await admins.second.info('replication')),
        )
        await t.throwsAsync(admins.first.set('x', 1), { message: /^READONLY/ })
        await lastUntilFelt(load, 1000)
        address.moveTo(second.url)
      },
    },
  })
  for (const by of [client, other.client]) {
    const next = await untilServed(() => by.post('refresh', { refresh_token: signedOut.refresh }))
    t.is(next.body.code, 'INVALID_REFRESH_TOKEN')
    t.is((await untilServed(() => by.get('me', { token: signedOut.access }))).body.code, 'SESSION_REVOKED')
  }
  await deps.redis.set(`${deps.config.REDIS_PREFIX}:mark`, 1)
  t.is(await admins.second.get(`${deps.config.REDIS_PREFIX}:mark`), '1', 'writes reach the new primary')
})

test.serial('a replica is promoted that missed the end of sessions → those sessions stay ended', async t => {
  const refresh = (account: { refresh: string }) =>
    untilServed(() => other.client.post('refresh', { refresh_token: account.refresh }))
  const me = (account: { access: string }) => untilServed(() => client.get('me', { token: account.access }))
  const signedOut = await anAccount(client)
  const everywhere = await anAccount(client)
  const stolen = await anAccount(client)
  const kept = await anAccount(client)
  // The second server is the primary by now. Its replica is disconnected, and then the primary crashes.
  await follow(admins.first, second)
  await until(
    'the replica to have every session',
    async () => (await admins.first.exists(deps.keys.session(kept.userId, kept.sessionId))) === 1,
  )
  await admins.first.replicaof('NO', 'ONE')
  const byRefresh = () => client.post('logout', { refresh_token: signedOut.refresh })
  t.is((await untilServed(byRefresh)).status, 204)
  const byBearer = () => client.post('logout-all', undefined, { token: everywhere.access })
  t.is((await untilServed(byBearer)).status, 204)
  const next = (await refresh(stolen)).body
  t.is((await refresh({ refresh: next.refresh_token })).status, 200)
  t.is((await refresh(stolen)).status, 401)
  address.moveTo(first.url)
  await second.kill()

  await until('the service to answer', async () => (await refresh(kept)).status === 200, 30_000)
  t.is((await me(everywhere)).body.code, 'SESSION_REVOKED')
  for (const ended of [signedOut, everywhere, stolen]) {
    t.is((await refresh(ended)).body.code, 'INVALID_REFRESH_TOKEN')
    t.is((await me(ended)).body.code, 'SESSION_REVOKED')
  }
  // The worker adds the lost entries to the feed again.
  await until('the feed to list each of them', async () => {
    const { sessions } = await readFeed(client)
    return [signedOut, everywhere, stolen].every(({ sessionId }) => sessions.includes(sessionId))
  })
})
