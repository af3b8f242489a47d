import anyTest from 'ava'
import { comparePassword } from '../../../src/features/lockout/compare-password.ts'
import { strangers } from '../../../src/features/lockout/rules.ts'
import { clearAttempts, countAttempt } from '../../../src/features/lockout/store.ts'
import { openHasher } from '../../../src/platform/crypto/password.ts'
import { anAccount, anEmail, password } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { openProxiedInstance } from '../../proxied-instance.ts'
import { openPools, sendSimultaneously, statusesOf, times } from '../../simultaneous.ts'
import { aDevice, guessPasswords, loginFrom } from './unknown-devices.ts'

// Waits after wrong passwords, and full hash threads.

const test = anyTest.serial

const waitsWorld = await openLocalWorld({ singleRedis: true, env: { RATE_LIMITS: '', TRUSTED_PROXIES: '1' } })
const other = await waitsWorld.instance()
const proxied = await openProxiedInstance(waitsWorld)
await openPools(waitsWorld, other)
const busyThreadsWorld = await openLocalWorld({ env: { RATE_LIMITS: '' } })
anyTest.after.always(async () => {
  for (const each of [proxied, waitsWorld, busyThreadsWorld]) await each[Symbol.asyncDispose]()
})

{
  const world = waitsWorld
  const { client, clock, deps, sql } = world
  const somebody = () => anAccountFrom(aDevice())
  const anAccountFrom = async (headers: Record<string, string>) => {
    const email = anEmail()
    const { status } = await client.post('register', { email, password }, { headers })
    if (status !== 201) throw new Error(`register answered ${status}`)
    return email
  }

  test('five wrong passwords are free, then each waits twice as long as the one before, up to an hour', async t => {
    const slack = 10
    for (const email of [await somebody(), anEmail()]) {
      t.deepEqual(await guessPasswords(client, email, 5), Array(5).fill(401))
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
        t.deepEqual(await guessPasswords(client, email, 1), [401])
      }
      t.deepEqual(
        waits.map(wait => Math.ceil(wait / 30)),
        [1, 2, 4, 8, 16, 32, 64, 120, 120],
      )
    }
  })

  test('what is refused does not lengthen the wait', async t => {
    const email = await somebody()
    await guessPasswords(client, email, 5)
    t.deepEqual(new Set(await guessPasswords(client, email, 20)), new Set([429]))
    clock.shift += 31_000
    t.is((await loginFrom(client, email, password)).status, 200)
  })

  test('the right password makes the next wrong one the first again', async t => {
    const email = await somebody()
    for (let i = 0; i < 3; i++) {
      t.deepEqual(await guessPasswords(client, email, 4), Array(4).fill(401))
      t.is((await loginFrom(client, email, password)).status, 200)
    }
    const [user] = await sql<{ failed_logins: number }>('SELECT failed_logins FROM users WHERE email = $1', [
      email,
    ])
    t.is(user?.failed_logins, 0)
  })

  test('an account that is there and one that is not refuse in the same words', async t => {
    const shown = await Promise.all(
      [await somebody(), anEmail()].map(async email => {
        await guessPasswords(client, email, 5)
        const { status, headers, body } = await loginFrom(client, email, password)
        const { request_id: _, retry_after: after, ...rest } = body
        const names = [...headers.keys()].sort()
        return {
          status,
          names,
          rest,
          soon: after <= 30 && after > 15,
          policy: headers.get('ratelimit-policy'),
        }
      }),
    )
    t.is(shown[0]?.status, 429)
    t.true(shown[0]?.soon)
    t.deepEqual(shown[0], shown[1])
  })

  test('of five hundred guesses at once, from as many places, on two instances, five are looked at', async t => {
    for (const email of [await somebody(), anEmail()]) {
      const requests = times(500, i => ({
        path: 'login',
        body: { email, password: `guess ${i} 9` },
        headers: aDevice(),
      }))
      t.deepEqual(statusesOf(await sendSimultaneously([world.url, other.url], requests)), {
        401: 5,
        429: 495,
      })
    }
  })

  test('spellings of one address share one budget', async t => {
    const email = await somebody()
    const [local, domain] = email.split('@')
    const spellings = [
      email.toUpperCase(),
      ` ${email}`,
      `${local}@EXAMPLE.com`,
      `${local?.toUpperCase()}@${domain}`,
      email,
    ]
    for (const spelling of spellings) t.deepEqual(await guessPasswords(client, spelling, 1), [401])
    t.is((await loginFrom(client, email, password)).status, 429)
  })

  test('an attempt whose reply was lost, and that the driver sent again, counts once', async t => {
    const email = await somebody()
    await guessPasswords(client, email, 3)
    const lost = proxied.redis.loseReplyTo(':attempts')
    t.is((await loginFrom(proxied.client, email, 'wrong horse 11')).status, 401)
    await lost
    t.deepEqual(await guessPasswords(client, email, 1), [401], 'the fifth is free')
    t.is((await loginFrom(client, email, password)).status, 429)
  })

  test('without Redis no password is compared', async t => {
    const account = await anAccount(client)
    proxied.redis.cut()
    const before = await sql('SELECT 1 FROM audit_events')
    for (const given of [password, 'wrong horse 12']) {
      const reply = await loginFrom(proxied.client, account.email, given)
      t.is(reply.status, 503)
    }
    t.is((await sql('SELECT 1 FROM audit_events')).length, before.length)
    proxied.redis.heal()
  })

  test('what strangers cause in Redis is gone after a day', async t => {
    const email = anEmail()
    const budget = strangers(email)
    await countAttempt(deps, budget)
    const key = deps.keys.attempts(budget.of)
    t.false(key.includes(email))
    const life = await deps.redis.pttl(key)
    t.true(life > 86_000_000 && life <= 86_400_000)
    await clearAttempts(deps, budget)
    t.is(await deps.redis.exists(key), 0)
  })
}

{
  const world = busyThreadsWorld
  // An attempt that was compared with nothing, as too many passwords waited, must not hold up whoever asks again.

  test('whoever is turned away while the threads are busy has lost no attempt', async t => {
    await using hasher = openHasher({ cost: 14, threads: 1, maxQueue: 0 })
    const running = hasher.hash('correct horse 9')
    const deps = { ...world.deps, hasher }
    const budget = strangers(anEmail())
    const ask = () => comparePassword(deps, { password: 'wrong horse 9', hash: null, budget })
    for (let i = 0; i < 8; i++) await t.throwsAsync(ask, { code: 'ERR_HASHER_BUSY' })
    await running
    t.deepEqual(await comparePassword(world.deps, { password: 'wrong horse 9', hash: null, budget }), {
      matches: false,
      needsRehash: false,
    })
    t.is((await countAttempt(world.deps, budget)).inRow, 2, 'the one that was compared counts')
  })

  test('of attempts that overlap, each turned away, some may stay counted, and none too many is given back', async t => {
    await using hasher = openHasher({ cost: 14, threads: 1, maxQueue: 0 })
    const running = hasher.hash('correct horse 9')
    const deps = { ...world.deps, hasher }
    const budget = strangers(anEmail())
    const turnedAway = Array.from({ length: 4 }, () =>
      comparePassword(deps, { password: 'wrong horse 9', hash: null, budget }),
    )
    t.true((await Promise.allSettled(turnedAway)).every(({ status }) => status === 'rejected'))
    await running
    const { inRow } = await countAttempt(world.deps, budget)
    t.true(inRow >= 1 && inRow <= 5, `${inRow}`)
  })
}
