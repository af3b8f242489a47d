import test from 'ava'
import type { Redis } from 'ioredis'
import { timeouts } from '../../src/platform/config/timeouts.ts'
import { anAccount } from '../fixtures.ts'
import { openLocalWorld } from '../local-world.ts'
import { until } from '../until.ts'
import { openAddress } from './address.ts'
import { type OwnServer, openOwnRedis } from './servers.ts'
import { lasts, openAdmin, roomyLimits, settled, storm, takeTurn } from './storm.ts'

const opened = new AsyncDisposableStack()
opened.use(await takeTurn('redis'))
const first = opened.use(await openOwnRedis())
const second = opened.use(await openOwnRedis())
const admins = { first: openAdmin(first.url), second: openAdmin(second.url) }
opened.defer(() => {
  admins.first.disconnect()
  admins.second.disconnect()
})
// The successor knows the same password.
const { password } = new URL(first.url)
for (const admin of [admins.second, admins.first]) await admin.config('SET', 'masterauth', password)
await admins.second.config('SET', 'requirepass', password)

const address = opened.use(await openAddress(first.url))
const world = opened.use(
  await openLocalWorld({
    timeouts,
    worker: true,
    servers: { redisUrl: address.of(first.url) },
    env: { RATE_LIMITS: roomyLimits },
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
  await until('the replica follows', async () =>
    /master_link_status:up/.test(await follower.info('replication')),
  )
}

test.serial('a Redis that hands over to its replica under load: brief 503, and nothing is lost', async t => {
  await follow(admins.second, first)
  const left = await anAccount(client)
  t.is((await client.post('logout', { refresh_token: left.refresh })).status, 204)

  await storm(t, {
    world,
    urls: [world.url, other.url],
    gusts: {
      'a handover': async crowd => {
        await admins.first.call('FAILOVER')
        await until('the replica leads', async () =>
          /role:master/.test(await admins.second.info('replication')),
        )
        await t.throwsAsync(admins.first.set('x', 1), { message: /^READONLY/ })
        await lasts(crowd, 1000)
        address.moveTo(second.url)
      },
    },
  })
  for (const by of [client, other.client]) {
    const next = await settled(() => by.post('refresh', { refresh_token: left.refresh }))
    t.is(next.body.code, 'INVALID_REFRESH_TOKEN')
    t.is((await settled(() => by.get('me', { token: left.access }))).body.code, 'SESSION_REVOKED')
  }
  await deps.redis.set(`${deps.config.REDIS_PREFIX}:mark`, 1)
  t.is(await admins.second.get(`${deps.config.REDIS_PREFIX}:mark`), '1', 'the successor is written to')
})

test.serial('sessions whose end a promoted replica has not heard of stay ended', async t => {
  const refresh = (account: { refresh: string }) =>
    settled(() => other.client.post('refresh', { refresh_token: account.refresh }))
  const me = (account: { access: string }) => settled(() => client.get('me', { token: account.access }))
  const left = await anAccount(client)
  const everywhere = await anAccount(client)
  const stolen = await anAccount(client)
  const kept = await anAccount(client)
  // The second leads by now. Its replica loses touch, and then it dies.
  await follow(admins.first, second)
  await until(
    'the replica has it all',
    async () => (await admins.first.exists(deps.keys.session(kept.userId, kept.sessionId))) === 1,
  )
  await admins.first.replicaof('NO', 'ONE')
  const byRefresh = () => client.post('logout', { refresh_token: left.refresh })
  t.is((await settled(byRefresh)).status, 204)
  const byBearer = () => client.post('logout-all', undefined, { token: everywhere.access })
  t.is((await settled(byBearer)).status, 204)
  const next = (await refresh(stolen)).body
  t.is((await refresh({ refresh: next.refresh_token })).status, 200)
  t.is((await refresh(stolen)).status, 401)
  address.moveTo(first.url)
  await second.kill()

  await until('it serves', async () => (await refresh(kept)).status === 200, 30_000)
  t.is((await me(everywhere)).body.code, 'SESSION_REVOKED')
  for (const ended of [left, everywhere, stolen]) {
    t.is((await refresh(ended)).body.code, 'INVALID_REFRESH_TOKEN')
    t.is((await me(ended)).body.code, 'SESSION_REVOKED')
  }
})
