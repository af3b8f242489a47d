import test from 'ava'
import { hashThreads } from '../../../src/crypto/hash-threads.ts'
import { openBehind } from '../../behind.ts'
import { type LocalInstance, openLocalWorld } from '../../local-world.ts'
import { anEmail } from '../../make.ts'

const world = await openLocalWorld({
  singleRedis: true,
  env: { API_PROCESSES: '4', RATE_LIMITS: 'mail_ip=10/1h' },
})
test.after.always(() => world[Symbol.asyncDispose]())

const asked = async ({ client }: Pick<LocalInstance, 'client'>, times: number): Promise<number[]> => {
  const statuses: number[] = []
  for (let i = 0; i < times; i++)
    statuses.push((await client.post('forgot-password', { email: anEmail() })).status)
  return statuses
}

test.serial(
  'without Redis each of four processes lets a quarter of a limit through, and not all of it',
  async t => {
    await using behind = await openBehind(world)
    behind.redis.cut()
    t.deepEqual(await asked(behind, 4), [202, 202, 202, 429])
    behind.redis.heal()
  },
)

test.serial('with Redis all of them share the whole limit', async t => {
  t.deepEqual(await asked(world, 11), [...Array.from({ length: 10 }, () => 202), 429])
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
