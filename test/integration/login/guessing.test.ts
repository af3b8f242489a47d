import anyTest from 'ava'
import type { Reply } from '../../client.ts'
import { anAccount, anEmail, password } from '../../fixtures.ts'
import { openPools, sendSimultaneously, statusesOf, times } from '../../simultaneous.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'

// Concurrent password guesses, and what a refusal reveals.

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

  // An account allows five free attempts. Guesses are spread over several accounts so that the limit by IP
  // address is reached first.
  const someAccounts = () => Promise.all([1, 2, 3, 4, 5].map(() => anAccount(client)))

  // The attempt is counted before the password is compared. Otherwise all concurrent guesses would pass.
  test('500 concurrent guesses from one IP address at two instances → only 10 passwords are compared', async t => {
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
    const compared = await world.sql(
      `SELECT 1 FROM audit_events WHERE type = 'login.failed' AND user_id = ANY($1)`,
      [accounts.map(({ userId }) => userId)],
    )
    t.is(compared.length, limit)
  })

  test('correct logins from a known device among concurrent guesses → no more guesses than the limit', async t => {
    const accounts = await someAccounts()
    const body = (i: number) => ({ email: accounts[i % 5]?.email, password })
    const right = times(40, i => ({ path: 'login', body: body(i) }))
    t.deepEqual(statusesOf(await sendSimultaneously(urls, right)), { 429: 40 }, 'no attempts are left')
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

  test('IP address over the login limit, correct password → 429 on every instance until the window ends', async t => {
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

  /** Expires the window early. Redis keeps the time of a window, so the test clock cannot move it. */
  async function windowEnds() {
    const counters = await world.keysLike(`${world.keys.limit('login')}:*`)
    for (const counter of counters) await world.redis.pexpire(counter, 1)
    await until(
      'the window to end',
      async () => (await world.keysLike(`${world.keys.limit('login')}:*`)).length === 0,
    )
  }

  test('IP address over the login limit, a different email in each request → 429', async t => {
    for (let i = 0; i < 5; i++) t.is((await client.post('login', { email: anEmail(), password })).status, 429)
  })
}

{
  const world = roomyWorld
  const login = (email: string, tried = password) => world.client.post('login', { email, password: tried })
  const set = (id: string, assignment: string) =>
    world.sql(`UPDATE users SET ${assignment} WHERE id = $1`, [id])

  /** The parts of a reply that do not vary between two requests. */
  const comparable = ({ status, headers, text, body }: Reply) => {
    const ids = headers.get('x-request-id') === body.request_id
    const varying = new Set(['date', 'x-request-id', 'ratelimit'])
    const names = [...headers.keys()]
    const fixed = [...headers].filter(([name]) => !varying.has(name))
    return { status, ids, names, fixed, text: text.replace(body.request_id, '') }
  }

  test('unknown email, wrong password, no password or deactivated account → identical 401 replies', async t => {
    const known = await anAccount(world.client)
    const withoutPassword = await anAccount(world.client)
    await set(withoutPassword.userId, 'password_hash = NULL')
    const withBadHash = await anAccount(world.client)
    await set(withBadHash.userId, `password_hash = 'no hash'`)
    const inactive = await anAccount(world.client)
    await set(inactive.userId, 'is_active = false')

    const replies = [
      await login(anEmail()),
      await login(known.email, 'wrong horse 9'),
      await login(withoutPassword.email),
      await login(withBadHash.email),
      await login(inactive.email, 'wrong horse 9'),
      await login('x@xn--bcher-kva.example'),
    ]
    t.is(replies[0]?.status, 401)
    t.is(replies[0]?.body.code, 'INVALID_CREDENTIALS')
    for (const reply of replies) {
      t.deepEqual(comparable(reply), comparable(replies[0] as Reply))
      t.is(reply.headers.get('www-authenticate'), 'Bearer realm="latchkey"')
    }
  })

  test('login to a deactivated account → 403 for the correct password only, 401 for a wrong one, no session', async t => {
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

  test('login → replies and logs contain neither the email nor the password', async t => {
    const { email } = await anAccount(world.client)
    const secret = 'a-canary-of-a-password-1'
    const unknown = anEmail()
    for (const reply of [await login(email, secret), await login(unknown, secret)])
      for (const word of [secret, email, unknown]) t.false(reply.text.includes(word))
    await login(email)
    const lines = (await world.logs()).join('')
    t.true(lines.includes('/api/v1/auth/login'))
    for (const word of [secret, email, unknown, password]) t.false(lines.includes(word))
  })
}
