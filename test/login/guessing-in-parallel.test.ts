import test from 'ava'
import { keysOf } from '../every-key.ts'
import { anAccount, anEmail, password } from '../make.ts'
import { openPools, statusesOf, times, volley } from '../volley.ts'
import { openWorld, until } from '../world.ts'

const limit = 10
const world = await openWorld({ env: { RATE_LIMITS: `login=${limit}/15m,register=100/15m` } })
const other = await world.instance()
await openPools(world, other)
test.after.always(() => world[Symbol.asyncDispose]())

const urls = [world.url, other.url]
const { client, deps } = world

// By account, five are free: what the address alone allows shows with several.
const someAccounts = () => Promise.all([1, 2, 3, 4, 5].map(() => anAccount(client)))

// An attempt is taken before the password is looked at, or all that arrive together would pass.
test.serial('of five hundred guesses at once, on two instances, ten are looked at', async t => {
  const accounts = await someAccounts()
  const guess = (i: number) => ({
    path: 'login',
    body: { email: accounts[i % 5]?.email, password: `wrong horse ${i}` },
  })
  const replies = await volley(urls, times(500, guess))
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

test.serial('the right password among the guesses is worth one attempt as well', async t => {
  const accounts = await someAccounts()
  const body = (i: number) => ({ email: accounts[i % 5]?.email, password })
  const right = times(40, i => ({ path: 'login', body: body(i) }))
  t.deepEqual(statusesOf(await volley(urls, right)), { 429: 40 }, 'none was left')
  await windowEnds()
  const mixed = times(60, i => ({
    path: 'login',
    body: { ...body(i), ...(i % 6 && { password: `wrong ${i}` }) },
  }))
  const counts = statusesOf(await volley(urls, mixed))
  t.is(counts[429], 60 - limit)
})

test.serial('the right password is refused too until the window ends, on every instance', async t => {
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
  t.deepEqual(statusesOf(await volley(urls, times(50, guess))), { 401: limit - 2, 429: 52 - limit })
})

/** Redis counts the time of a window, and cannot be made to hurry otherwise. */
async function windowEnds() {
  const counters = await keysOf(deps.redis, `${deps.keys.limit('login')}:*`)
  for (const counter of counters) await deps.redis.pexpire(counter, 1)
  await until(
    'the window to end',
    async () => (await keysOf(deps.redis, `${deps.keys.limit('login')}:*`)).length === 0,
  )
}

test.serial('another address in each request is no way around', async t => {
  for (let i = 0; i < 5; i++) t.is((await client.post('login', { email: anEmail(), password })).status, 429)
})
