import test from 'ava'
import { strangers } from '../../src/attempts/rules.ts'
import { clearAttempts, takeAttempt } from '../../src/attempts/store.ts'
import { openBehind } from '../behind.ts'
import { anAccount, anEmail, password } from '../make.ts'
import { openPools, statusesOf, times, volley } from '../volley.ts'
import { openWorld } from '../world.ts'
import { aPlace, guess, loginFrom } from './stranger.ts'

const world = await openWorld({ singleRedis: true, env: { RATE_LIMITS: '', TRUSTED_PROXIES: '1' } })
const other = await world.instance()
const behind = await openBehind(world)
await openPools(world, other)
test.after.always(async () => {
  await behind[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

const { client, clock, deps, sql } = world
const somebody = () => anAccountFrom(aPlace())
const anAccountFrom = async (headers: Record<string, string>) => {
  const email = anEmail()
  const { status } = await client.post('register', { email, password }, { headers })
  if (status !== 201) throw new Error(`register answered ${status}`)
  return email
}

test.serial(
  'five wrong passwords are free, then each waits twice as long as the one before, up to an hour',
  async t => {
    const slack = 10
    for (const email of [await somebody(), anEmail()]) {
      t.deepEqual(await guess(client, email, 5), Array(5).fill(401))
      const waits: number[] = []
      for (let i = 0; i < 9; i++) {
        const refused = await loginFrom(client, email, password)
        t.is(refused.status, 429, 'the right password too')
        t.is(refused.body.code, 'RATE_LIMIT_EXCEEDED')
        const wait = Number(refused.headers.get('retry-after'))
        waits.push(wait)
        // A machine that is busy may take a while to ask.
        clock.shift += (wait - slack) * 1000
        t.is((await loginFrom(client, email, password)).status, 429, 'not earlier')
        clock.shift += slack * 1000
        t.deepEqual(await guess(client, email, 1), [401])
      }
      t.deepEqual(
        waits.map(wait => Math.ceil(wait / 30)),
        [1, 2, 4, 8, 16, 32, 64, 120, 120],
      )
    }
  },
)

test.serial('what is refused does not lengthen the wait', async t => {
  const email = await somebody()
  await guess(client, email, 5)
  t.deepEqual(new Set(await guess(client, email, 20)), new Set([429]))
  clock.shift += 31_000
  t.is((await loginFrom(client, email, password)).status, 200)
})

test.serial('the right password makes the next wrong one the first again', async t => {
  const email = await somebody()
  for (let i = 0; i < 3; i++) {
    t.deepEqual(await guess(client, email, 4), Array(4).fill(401))
    t.is((await loginFrom(client, email, password)).status, 200)
  }
  const [user] = await sql<{ failed_logins: number }>('SELECT failed_logins FROM users WHERE email = $1', [
    email,
  ])
  t.is(user?.failed_logins, 0)
})

test.serial('an account that is there and one that is not refuse in the same words', async t => {
  const shown = await Promise.all(
    [await somebody(), anEmail()].map(async email => {
      await guess(client, email, 5)
      const { status, headers, body } = await loginFrom(client, email, password)
      const { request_id: _, retry_after: after, ...rest } = body
      const names = [...headers.keys()].sort()
      return { status, names, rest, soon: after <= 30 && after > 15, policy: headers.get('ratelimit-policy') }
    }),
  )
  t.is(shown[0]?.status, 429)
  t.true(shown[0]?.soon)
  t.deepEqual(shown[0], shown[1])
})

test.serial(
  'of five hundred guesses at once, from as many places, on two instances, five are looked at',
  async t => {
    for (const email of [await somebody(), anEmail()]) {
      const shots = times(500, i => ({
        path: 'login',
        body: { email, password: `guess ${i} 9` },
        headers: aPlace(),
      }))
      t.deepEqual(statusesOf(await volley([world.url, other.url], shots)), { 401: 5, 429: 495 })
    }
  },
)

test.serial('spellings of one address share one budget', async t => {
  const email = await somebody()
  const [local, domain] = email.split('@')
  const spellings = [
    email.toUpperCase(),
    ` ${email}`,
    `${local}@EXAMPLE.com`,
    `${local?.toUpperCase()}@${domain}`,
    email,
  ]
  for (const spelling of spellings) t.deepEqual(await guess(client, spelling, 1), [401])
  t.is((await loginFrom(client, email, password)).status, 429)
})

test.serial('an attempt whose reply was lost, and that the driver sent again, counts once', async t => {
  const email = await somebody()
  await guess(client, email, 3)
  const lost = behind.redis.loseReplyTo(':attempts')
  t.is((await loginFrom(behind.client, email, 'wrong horse 11')).status, 401)
  await lost
  t.deepEqual(await guess(client, email, 1), [401], 'the fifth is free')
  t.is((await loginFrom(client, email, password)).status, 429)
})

test.serial('without Redis no password is compared', async t => {
  const account = await anAccount(client)
  behind.redis.cut()
  const before = await sql('SELECT 1 FROM audit_events')
  for (const given of [password, 'wrong horse 12']) {
    const reply = await loginFrom(behind.client, account.email, given)
    t.is(reply.status, 503)
  }
  t.is((await sql('SELECT 1 FROM audit_events')).length, before.length)
  behind.redis.heal()
})

test.serial('what strangers cause in Redis is gone after a day', async t => {
  const email = anEmail()
  const budget = strangers(email)
  await takeAttempt(deps, budget)
  const key = deps.keys.attempts(budget.of)
  t.false(key.includes(email))
  const life = await deps.redis.pttl(key)
  t.true(life > 86_000_000 && life <= 86_400_000)
  await clearAttempts(deps, budget)
  t.is(await deps.redis.exists(key), 0)
})
