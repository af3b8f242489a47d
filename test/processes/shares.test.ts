import test from 'ava'
import { hashThreads } from '../../src/crypto/hash-threads.ts'
import { openBehind } from '../behind.ts'
import { anEmail, password } from '../make.ts'
import { openWorld } from '../world.ts'

const world = await openWorld({
  singleRedis: true,
  env: { API_PROCESSES: '4', RATE_LIMITS: 'register=10/1h' },
})
test.after.always(() => world[Symbol.asyncDispose]())

test.serial(
  'without Redis each of four processes lets a quarter of a limit through, and not all of it',
  async t => {
    await using behind = await openBehind(world)
    const register = async () => (await behind.client.post('register', { email: anEmail(), password })).status
    t.is(await register(), 201)
    behind.redis.cut()
    t.deepEqual(await Promise.all([register(), register(), register()]), [202, 202, 202])
    t.is(await register(), 429)
    behind.redis.heal()
  },
)

test.serial('with Redis all of them share the whole limit', async t => {
  const statuses: number[] = []
  for (let i = 0; i < 11; i++)
    statuses.push((await world.client.post('register', { email: anEmail(), password })).status)
  t.is(statuses.filter(status => status === 429).length, 2, statuses.join())
})

test('the hash threads of all processes are about one a core, and each process has one', t => {
  for (const [processes, cores, threads] of [
    [1, 1, 1],
    [1, 8, 8],
    [2, 2, 1],
    [4, 8, 2],
    [3, 8, 3],
    [8, 4, 1],
    [64, 2, 1],
  ] as const)
    t.is(hashThreads(processes, cores), threads, `${processes} on ${cores}`)
})
