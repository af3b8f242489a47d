import test from 'ava'
import { anEmail, password } from '../make.ts'
import { openWorld, type World } from '../world.ts'

const limits = { RATE_LIMITS: 'login=3/15m' }
const bare = await openWorld({ env: limits })
const behindOne = await openWorld({ env: { ...limits, TRUSTED_PROXIES: '1' } })
const behindTwo = await openWorld({ env: { ...limits, TRUSTED_PROXIES: '2' } })
test.after.always(async () => {
  for (const world of [bare, behindOne, behindTwo]) await world[Symbol.asyncDispose]()
})

/** The status of a wrong login that claims to come over these hops. */
const from = async ({ client }: World, forwarded: string, more: Record<string, string> = {}) => {
  const headers = { ...(forwarded && { 'x-forwarded-for': forwarded }), ...more }
  return (await client.post('login', { email: anEmail(), password }, { headers })).status
}

/** What the first four logins from somewhere get: three guesses, then no more. */
const four = async (world: World, forwarded: (i: number) => string): Promise<number[]> => {
  const statuses: number[] = []
  for (let i = 0; i < 4; i++) statuses.push(await from(world, forwarded(i)))
  return statuses
}
const limited = [401, 401, 401, 429]

test.serial('without a proxy no header changes who one is', async t => {
  t.deepEqual(await four(bare, i => `203.0.113.${i}`), limited)
  for (const name of [
    'x-forwarded-for',
    'forwarded',
    'x-real-ip',
    'cf-connecting-ip',
    'true-client-ip',
    'client-ip',
  ])
    t.is(
      await from(bare, '', { [name]: name === 'forwarded' ? 'for=198.51.100.7' : '198.51.100.7' }),
      429,
      name,
    )
})

test.serial('behind one proxy the last hop counts, and what a client wrote in front does not', async t => {
  t.deepEqual(await four(behindOne, i => `10.0.0.${i}, 198.51.100.1`), limited)
  t.is(await from(behindOne, '198.51.100.1'), 429)
  t.is(await from(behindOne, '198.51.100.2, 198.51.100.1'), 429)
  t.is(await from(behindOne, '198.51.100.1, 198.51.100.2'), 401)
})

test.serial('behind two proxies the last but one counts', async t => {
  t.deepEqual(await four(behindTwo, i => `10.0.0.${i}, 198.51.100.9, 192.0.2.${i}`), limited)
  t.is(await from(behindTwo, '198.51.100.9, 192.0.2.77'), 429)
  t.is(await from(behindTwo, '192.0.2.1, 198.51.100.8, 198.51.100.9'), 401)
})

test.serial('each address has a count of its own', async t => {
  t.deepEqual(await four(behindOne, i => `198.51.100.${100 + i}`), [401, 401, 401, 401])
})

test.serial('a thousand addresses of one /64 are one household', async t => {
  t.deepEqual(await four(behindOne, i => `2001:db8:1:2:${i}::${i}`), limited)
  t.is(await from(behindOne, '2001:DB8:0001:0002:FFFF:ffff:ffff:ffff'), 429)
  t.is(await from(behindOne, '2001:db8:1:3::1'), 401)
})

test.serial('an IPv4 address is the same one mapped into IPv6, however it is written', async t => {
  const spellings = [
    '198.51.100.200',
    '::ffff:198.51.100.200',
    '::FFFF:c633:64c8',
    '0:0:0:0:0:ffff:c633:64c8',
  ]
  t.deepEqual(await four(behindOne, i => spellings[i] ?? ''), limited)
  t.is(await from(behindOne, '::ffff:198.51.100.201'), 401)
})

test.serial('what is no address counts as the proxy itself', async t => {
  const junk = ['unknown', '_hidden', '"198.51.100.3"', '999.1.1.1']
  t.deepEqual(await four(behindOne, i => junk[i] ?? ''), limited)
  t.is(await from(behindOne, ''), 429)
  t.is(await from(behindOne, ', ,'), 429)
  t.is(await from(behindOne, 'x'.repeat(5000)), 429)
})
