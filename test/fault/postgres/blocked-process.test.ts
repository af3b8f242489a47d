import { once } from 'node:events'
import test from 'ava'
import { defaultTimeouts as timeouts } from '../../../src/platform/config/timeouts.ts'
import { openRedis } from '../../../src/platform/redis/redis.ts'
import { anAccount } from '../../fixtures.ts'
import { generousTimeouts, openLocalWorld } from '../../local-world.ts'
import { openProxiedInstance } from '../../proxied-instance.ts'

const world = await openLocalWorld({ singleRedis: true })
const { redisCommand } = timeouts
const proxied = await openProxiedInstance(world, undefined, { ...generousTimeouts, redisCommand })
test.after.always(async () => {
  await proxied[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

const block = (milliseconds: number): void => {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}

test.serial(
  'the process is blocked for longer than the Redis timeout → replies that have arrived are still read',
  async t => {
    const redis = openRedis(world.config.REDIS_URL, world.deps.log, redisCommand)
    t.teardown(() => redis.disconnect())
    await once(redis, 'ready')
    const asked = Array.from({ length: 20 }, () => redis.ping())
    // The commands were sent, and the replies wait in the socket.
    block(2 * redisCommand)
    t.deepEqual(new Set(await Promise.all(asked)), new Set(['PONG']))
  },
)

test.serial('Redis never answers, and the process is blocked for a while → 503', async t => {
  const { access } = await anAccount(world.client)
  proxied.redis.pause()
  const asked = proxied.client.get('me', { token: access })
  await new Promise(resolve => setTimeout(resolve, 100))
  block(600)
  t.is((await asked).status, 503)
  proxied.redis.heal()
})
