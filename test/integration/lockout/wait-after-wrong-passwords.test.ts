import anyTest from 'ava'
import { unknownDevices } from '../../../src/features/lockout/attempt-counter.ts'
import { comparePassword } from '../../../src/features/lockout/compare-password.ts'
import { countAttempt, resetCounter } from '../../../src/features/lockout/store.ts'
import { openHasher } from '../../../src/platform/crypto/password.ts'
import { anAccount, anEmail, password } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { openProxiedInstance } from '../../proxied-instance.ts'
import { openPools, sendSimultaneously, statusesOf, times } from '../../simultaneous.ts'
import { aDevice, guessPasswords, loginFrom } from './unknown-devices.ts'

// Waits after wrong passwords, and attempts while all hash threads are busy.

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
  const aRegisteredEmail = () => anAccountFrom(aDevice())
  const anAccountFrom = async (headers: Record<string, string>) => {
    const email = anEmail()
    const { status } = await client.post('register', { email, password }, { headers })
    if (status !== 201) throw new Error(`register answered ${status}`)
    return email
  }

  test('more than five wrong passwords → 30 s wait, doubled after each further one, at most an hour', async t => {
    const slackS = 10
    for (const email of [await aRegisteredEmail(), anEmail()]) {
      t.deepEqual(await guessPasswords(client, email, 5), Array(5).fill(401))
      const waits: number[] = []
      for (let i = 0; i < 9; i++) {
        const refused = await loginFrom(client, email, password)
        t.is(refused.status, 429, 'the right password too')
        t.is(refused.body.code, 'RATE_LIMIT_EXCEEDED')
        const wait = Number(refused.headers.get('retry-after'))
        waits.push(wait)
        // On a busy machine a request may take some seconds.
        clock.shift += (wait - slackS) * 1000
        t.is((await loginFrom(client, email, password)).status, 429, 'not earlier')
        clock.shift += slackS * 1000
        t.deepEqual(await guessPasswords(client, email, 1), [401])
      }
      t.deepEqual(
        waits.map(wait => Math.ceil(wait / 30)),
        [1, 2, 4, 8, 16, 32, 64, 120, 120],
      )
    }
  })

  test('attempts during a wait → 429, and the wait does not become longer', async t => {
    const email = await aRegisteredEmail()
    await guessPasswords(client, email, 5)
    t.deepEqual(new Set(await guessPasswords(client, email, 20)), new Set([429]))
    clock.shift += 31_000
    t.is((await loginFrom(client, email, password)).status, 200)
  })

  test('a right password → the counter starts again at zero', async t => {
    const email = await aRegisteredEmail()
    for (let i = 0; i < 3; i++) {
      t.deepEqual(await guessPasswords(client, email, 4), Array(4).fill(401))
      t.is((await loginFrom(client, email, password)).status, 200)
    }
    const [user] = await sql<{ failed_logins: number }>('SELECT failed_logins FROM users WHERE email = $1', [
      email,
    ])
    t.is(user?.failed_logins, 0)
  })

  test('waits of an existing and of an unknown account → the same reply', async t => {
    const replies = await Promise.all(
      [await aRegisteredEmail(), anEmail()].map(async email => {
        await guessPasswords(client, email, 5)
        const { status, headers, body } = await loginFrom(client, email, password)
        const { request_id: _, retry_after: after, ...rest } = body
        const headerNames = [...headers.keys()].sort()
        return {
          status,
          headerNames,
          rest,
          within30s: after <= 30 && after > 15,
          policy: headers.get('ratelimit-policy'),
        }
      }),
    )
    t.is(replies[0]?.status, 429)
    t.true(replies[0]?.within30s)
    t.deepEqual(replies[0], replies[1])
  })

  test('500 simultaneous wrong passwords from 500 devices at two instances → five are compared', async t => {
    for (const email of [await aRegisteredEmail(), anEmail()]) {
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

  test('wrong passwords for several spellings of one address → one counter', async t => {
    const email = await aRegisteredEmail()
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

  test('the Redis reply of an attempt is lost and the driver repeats it → it counts once', async t => {
    const email = await aRegisteredEmail()
    await guessPasswords(client, email, 3)
    const lost = proxied.redis.loseReplyTo(':attempts')
    t.is((await loginFrom(proxied.client, email, 'wrong horse 11')).status, 401)
    await lost
    t.deepEqual(await guessPasswords(client, email, 1), [401], 'the fifth wrong password')
    t.is((await loginFrom(client, email, password)).status, 429)
  })

  test('Redis is down → login gets 503 and no password is compared', async t => {
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

  test('attempts of unknown devices → their Redis key expires within a day and hides the address', async t => {
    const email = anEmail()
    const counter = unknownDevices(email)
    await countAttempt(deps, counter)
    const key = deps.keys.attempts(counter.owner)
    t.false(key.includes(email))
    const ttlMs = await deps.redis.pttl(key)
    t.true(ttlMs > 86_000_000 && ttlMs <= 86_400_000)
    await resetCounter(deps, counter)
    t.is(await deps.redis.exists(key), 0)
  })
}

{
  const world = busyThreadsWorld
  // An attempt that was refused because the hash queue was full must not count, or a retry would have to wait.

  test('the hash queue is full → the refused attempts do not count', async t => {
    await using hasher = openHasher({ cost: 14, threads: 1, maxQueue: 0 })
    const running = hasher.hash('correct horse 9')
    const deps = { ...world.deps, hasher }
    const counter = unknownDevices(anEmail())
    const ask = () => comparePassword(deps, { password: 'wrong horse 9', hash: null, counter })
    for (let i = 0; i < 8; i++) await t.throwsAsync(ask, { code: 'ERR_HASHER_BUSY' })
    await running
    t.deepEqual(await comparePassword(world.deps, { password: 'wrong horse 9', hash: null, counter }), {
      matches: false,
      needsRehash: false,
    })
    t.is((await countAttempt(world.deps, counter)).inRow, 2, 'the compared attempt counts')
  })

  test('overlapping attempts are refused by a full queue → the counter never becomes too low', async t => {
    await using hasher = openHasher({ cost: 14, threads: 1, maxQueue: 0 })
    const running = hasher.hash('correct horse 9')
    const deps = { ...world.deps, hasher }
    const counter = unknownDevices(anEmail())
    const refusedAttempts = Array.from({ length: 4 }, () =>
      comparePassword(deps, { password: 'wrong horse 9', hash: null, counter }),
    )
    t.true((await Promise.allSettled(refusedAttempts)).every(({ status }) => status === 'rejected'))
    await running
    const { inRow } = await countAttempt(world.deps, counter)
    t.true(inRow >= 1 && inRow <= 5, `${inRow}`)
  })
}
