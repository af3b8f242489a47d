import { once } from 'node:events'
import test from 'ava'
import { timeouts } from '../../../src/platform/config/timeouts.ts'
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

const stall = (milliseconds: number): void => {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}

test.serial(
  'a process that was held up does not take an answer that lies there for one that never came',
  async t => {
    const redis = openRedis(world.config.REDIS_URL, world.deps.log, redisCommand)
    t.teardown(() => redis.disconnect())
    await once(redis, 'ready')
    const asked = Array.from({ length: 20 }, () => redis.ping())
    // The commands are on their way, and what comes back waits in the socket.
    stall(2 * redisCommand)
    t.deepEqual(new Set(await Promise.all(asked)), new Set(['PONG']))
  },
)

test.serial('an answer that never came is given up, stall or not', async t => {
  const { access } = await anAccount(world.client)
  proxied.redis.pause()
  const asked = proxied.client.get('me', { token: access })
  await new Promise(resolve => setTimeout(resolve, 100))
  stall(600)
  t.is((await asked).status, 503)
  proxied.redis.heal()
})
