import test from 'ava'
import { hashThreads } from '../../../src/platform/crypto/hash-threads.ts'
import { anEmail } from '../../fixtures.ts'
import { type LocalInstance, openLocalWorld } from '../../local-world.ts'
import { openProxiedInstance } from '../../proxied-instance.ts'

const world = await openLocalWorld({
  singleRedis: true,
  env: { API_PROCESSES: '4', RATE_LIMITS: 'mail_ip=10/1h', TRUSTED_PROXIES: '1' },
})
test.after.always(() => world[Symbol.asyncDispose]())

const statusesOf = async ({ client }: Pick<LocalInstance, 'client'>, times: number): Promise<number[]> => {
  const statuses: number[] = []
  for (let i = 0; i < times; i++)
    statuses.push((await client.post('forgot-password', { email: anEmail() })).status)
  return statuses
}

test.serial('Redis is down → each of four processes allows a quarter of a limit', async t => {
  await using proxied = await openProxiedInstance(world)
  proxied.redis.cut()
  t.deepEqual(await statusesOf(proxied, 4), [202, 202, 202, 429])
  proxied.redis.heal()
})

test.serial(
  'Redis is down, requests from networks of one IPv6 /56 or /48 → each process counts them together',
  async t => {
    await using proxied = await openProxiedInstance(world)
    proxied.redis.cut()
    const from = async (ip: string) => {
      const headers = { 'x-forwarded-for': ip }
      return (await proxied.client.post('forgot-password', { email: anEmail() }, { headers })).status
    }
    const answered = async (count: number, address: (i: number) => string) => {
      const statuses: number[] = []
      for (let i = 0; i < count; i++) statuses.push(await from(address(i)))
      return statuses.filter(status => status === 202).length
    }
    t.is(await answered(8, i => `2001:db8:1:10${i}::1`), 5, 'a quarter of twice the limit')
    t.is(
      await answered(20, i => `2001:db8:1:2${i + 10}::1`),
      5,
      'a quarter of four times the limit, in total',
    )
    t.is(await answered(20, () => '2001:db8:2:100::1'), 3)
    t.is(
      await answered(2, () => '2001:db8:2:101::1'),
      2,
      'a flood from a neighbouring network used up nothing',
    )
    proxied.redis.heal()
  },
)

test.serial('Redis is up → four processes share the whole limit', async t => {
  t.deepEqual(await statusesOf(world, 11), [...Array.from({ length: 10 }, () => 202), 429])
})

test('all processes together have about one hash thread a core, and each process has at least one', t => {
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
