import anyTest from 'ava'
import type { Reply } from '../../client.ts'
import { anAccount, anEmail, password } from '../../fixtures.ts'
import { openPools, sendSimultaneously, statusesOf, times } from '../../simultaneous.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'

// Guesses in parallel, and what a refusal tells.

const test = anyTest.serial

const limit = 10
const world = await openWorld({ env: { RATE_LIMITS: `login=${limit}/15m,register=100/15m` } })
const other = await world.instance()
await openPools(world, other)
const roomyWorld = await openWorld({
  env: { RATE_LIMITS: 'login=1000/15m,register=1000/15m' },
})
anyTest.after.always(async () => {
  for (const each of [world, roomyWorld]) await each[Symbol.asyncDispose]()
})

{
  const urls = [world.url, other.url]
  const { client } = world

  // By account, five are free: what the address alone allows shows with several.
  const someAccounts = () => Promise.all([1, 2, 3, 4, 5].map(() => anAccount(client)))

  // An attempt is taken before the password is looked at, or all that arrive together would pass.
  test('of five hundred guesses at once, on two instances, ten are looked at', async t => {
    const accounts = await someAccounts()
    const guess = (i: number) => ({
      path: 'login',
      body: { email: accounts[i % 5]?.email, password: `wrong horse ${i}` },
    })
    const replies = await sendSimultaneously(urls, times(500, guess))
    t.deepEqual(statusesOf(replies), { 401: limit, 429: 500 - limit })
    for (const { status, body, headers } of replies) {
      t.is(body.code, status === 401 ? 'INVALID_CREDENTIALS' : 'RATE_LIMIT_EXCEEDED')
      const wait = Number(headers.get('retry-after'))
      t.true(status === 401 || (wait > 0 && wait <= 900), `${wait}`)
    }
    const looked = await world.sql(
      `SELECT 1 FROM audit_events WHERE type = 'login.failed' AND user_id = ANY($1)`,
      [accounts.map(({ userId }) => userId)],
    )
    t.is(looked.length, limit)
  })

  test('right passwords from a known device among the guesses → no more guesses than the limit', async t => {
    const accounts = await someAccounts()
    const body = (i: number) => ({ email: accounts[i % 5]?.email, password })
    const right = times(40, i => ({ path: 'login', body: body(i) }))
    t.deepEqual(statusesOf(await sendSimultaneously(urls, right)), { 429: 40 }, 'none was left')
    await windowEnds()
    const mixed = times(60, i => ({
      path: 'login',
      body: { ...body(i), ...(i % 6 && { password: `wrong ${i}` }) },
    }))
    const counts = statusesOf(await sendSimultaneously(urls, mixed))
    const { 200: signedIn = 0, 401: guessed = 0, 429: refused = 0 } = counts
    t.is(signedIn + guessed + refused, 60)
    t.true(guessed > 0 && guessed <= limit, `${guessed}`)
  })

  test('the right password is refused too until the window ends, on every instance', async t => {
    const accounts = await someAccounts()
    const right = { email: accounts[0]?.email, password }
    for (const { client } of [world, other]) {
      const reply = await client.post('login', right)
      t.is(reply.status, 429)
      t.is(reply.body.code, 'RATE_LIMIT_EXCEEDED')
    }
    await windowEnds()
    for (const { client } of [world, other]) t.is((await client.post('login', right)).status, 200)
    const guess = (i: number) => ({
      path: 'login',
      body: { email: accounts[i % 5]?.email, password: 'wrong horse 9' },
    })
    t.deepEqual(
      statusesOf(await sendSimultaneously(urls, times(50, guess))),
      { 401: limit, 429: 50 - limit },
      'the sign-ins before did not count: the device is known',
    )
  })

  /** Redis counts the time of a window, and cannot be made to hurry otherwise. */
  async function windowEnds() {
    const counters = await world.keysLike(`${world.keys.limit('login')}:*`)
    for (const counter of counters) await world.redis.pexpire(counter, 1)
    await until(
      'the window to end',
      async () => (await world.keysLike(`${world.keys.limit('login')}:*`)).length === 0,
    )
  }

  test('another address in each request is no way around', async t => {
    for (let i = 0; i < 5; i++) t.is((await client.post('login', { email: anEmail(), password })).status, 429)
  })
}

{
  const world = roomyWorld
  const login = (email: string, tried = password) => world.client.post('login', { email, password: tried })
  const set = (id: string, assignment: string) =>
    world.sql(`UPDATE users SET ${assignment} WHERE id = $1`, [id])

  /** All of a reply but what no two replies share. */
  const shown = ({ status, headers, text, body }: Reply) => {
    const ids = headers.get('x-request-id') === body.request_id
    const varying = new Set(['date', 'x-request-id', 'ratelimit'])
    const names = [...headers.keys()]
    const fixed = [...headers].filter(([name]) => !varying.has(name))
    return { status, ids, names, fixed, text: text.replace(body.request_id, '') }
  }

  test('nobody’s address, a wrong password, an account without one and a wrong password of a deactivated one answer alike', async t => {
    const known = await anAccount(world.client)
    const without = await anAccount(world.client)
    await set(without.userId, 'password_hash = NULL')
    const broken = await anAccount(world.client)
    await set(broken.userId, `password_hash = 'no hash'`)
    const inactive = await anAccount(world.client)
    await set(inactive.userId, 'is_active = false')

    const replies = [
      await login(anEmail()),
      await login(known.email, 'wrong horse 9'),
      await login(without.email),
      await login(broken.email),
      await login(inactive.email, 'wrong horse 9'),
      await login('x@xn--bcher-kva.example'),
    ]
    t.is(replies[0]?.status, 401)
    t.is(replies[0]?.body.code, 'INVALID_CREDENTIALS')
    for (const reply of replies) {
      t.deepEqual(shown(reply), shown(replies[0] as Reply))
      t.is(reply.headers.get('www-authenticate'), 'Bearer realm="latchkey"')
    }
  })

  test('that an account is deactivated is told to the right password alone, and opens nothing', async t => {
    const { email, userId } = await anAccount(world.client)
    await set(userId, 'is_active = false')
    const before = await world.sql('SELECT * FROM users WHERE id = $1', [userId])
    const right = await login(email)
    t.is(right.status, 403)
    t.is(right.body.code, 'ACCOUNT_DEACTIVATED')
    t.deepEqual(Object.keys(right.body).sort(), ['code', 'request_id', 'status', 'title', 'type'])
    t.is((await login(email, 'wrong horse 9')).body.code, 'INVALID_CREDENTIALS')
    t.deepEqual(await world.sql('SELECT * FROM users WHERE id = $1', [userId]), before)
    await set(userId, 'is_active = true')
    t.is((await login(email)).status, 200)
  })

  test('neither the address nor the password is said again, or logged', async t => {
    const { email } = await anAccount(world.client)
    const secret = 'a-canary-of-a-password-1'
    const stranger = anEmail()
    for (const reply of [await login(email, secret), await login(stranger, secret)])
      for (const word of [secret, email, stranger]) t.false(reply.text.includes(word))
    await login(email)
    const lines = (await world.logs()).join('')
    t.true(lines.includes('/api/v1/auth/login'))
    for (const word of [secret, email, stranger, password]) t.false(lines.includes(word))
  })
}
