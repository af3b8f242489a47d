import test from 'ava'
import { openBehind } from '../behind.ts'
import { anAccount } from '../make.ts'
import { openWorld } from '../world.ts'

const world = await openWorld({ singleRedis: true })
const behind = await openBehind(world)
test.after.always(async () => {
  await behind[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

const stall = (milliseconds: number): void => {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}

test.serial(
  'a process that was held up does not take an answer that lies there for one that never came',
  async t => {
    const { redis } = world.deps
    await redis.ping()
    const asked = Array.from({ length: 20 }, () => redis.ping())
    // The commands are on their way, and what comes back waits in the socket.
    stall(1000)
    t.deepEqual(new Set(await Promise.all(asked)), new Set(['PONG']))
  },
)

test.serial('an answer that never came is given up, stall or not', async t => {
  const { access } = await anAccount(world.client)
  behind.redis.pause()
  const asked = behind.client.get('me', { token: access })
  await new Promise(resolve => setTimeout(resolve, 100))
  stall(600)
  t.is((await asked).status, 503)
  behind.redis.heal()
})
