import anyTest from 'ava'
import type { Reply } from '../../client.ts'
import { type Account, anAccount } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'

// What a limit of refreshes counts, and what it must never hide: the theft of a token.

const test = anyTest.serial

const world = await openWorld({
  worker: true,
  env: {
    RATE_LIMITS: 'register=1000/1h,login=1000/1h,refresh=4/15m,refresh_cookie=6/15m',
    TRUSTED_PROXIES: '1',
  },
})
const other = await world.instance()
anyTest.after.always(() => world[Symbol.asyncDispose]())

const { client, clock, travel } = world
const origin = 'http://latchkey.test'

let asked = 0
const somewhere = () => `198.51.100.${++asked % 250}`
const refresh = (token: string, { ip = somewhere(), at = client } = {}) =>
  at.post('refresh', { refresh_token: token }, { headers: { 'x-forwarded-for': ip } })

/** Rotates this many times, and returns the newest token. */
const rotate = async (token: string, times: number): Promise<string> => {
  let newest = token
  for (let i = 0; i < times; i++) newest = (await refresh(newest)).body.refresh_token
  return newest
}

const thefts = async ({ sessionId }: Account) =>
  (
    await world.sql(`SELECT 1 FROM audit_events WHERE session_id = $1 AND type = 'session.reused'`, [
      sessionId,
    ])
  ).length
const left = ({ headers }: Reply) => headers.get('ratelimit')?.replace(/;t=\d+/, '')

test('a thief rotates up to the limit → the spent token of the owner still ends the session', async t => {
  const owner = await anAccount(client)
  await world.mails.to(owner.email)
  const newest = await rotate(owner.refresh, 4)
  t.is((await refresh(newest)).status, 429)

  const spent = await refresh(owner.refresh, { at: other.client })
  t.is(spent.status, 401)
  t.is(spent.body.code, 'INVALID_REFRESH_TOKEN')
  t.is(await thefts(owner), 1)
  t.is((await refresh(newest)).status, 401, 'the thief is out')
  await world.mails.to(owner.email, 2)
  t.is((await refresh(owner.refresh)).status, 401)
  t.is(await thefts(owner), 1)
})

test('a caller over the limit of bad tokens presents a spent token → the theft is still told', async t => {
  const ip = '203.0.113.1'
  for (let i = 0; i < 100; i++) await refresh('lkr_nonsense', { ip })
  t.is((await refresh('lkr_nonsense', { ip })).status, 429)
  const owner = await anAccount(client)
  await rotate(owner.refresh, 2)
  t.is((await refresh(owner.refresh, { ip })).status, 401)
  t.is(await thefts(owner), 1)
})

test('the same token again within the grace period → no point is taken, also over the limit', async t => {
  const account = await anAccount(client)
  const first = await refresh(account.refresh)
  t.is(left(first), '"refresh";r=3')
  for (let i = 0; i < 12; i++) {
    const again = await refresh(account.refresh, { at: i % 2 ? client : other.client })
    t.is(again.body.refresh_token, first.body.refresh_token)
    t.is(left(again), '"refresh";r=3')
  }
  const third = await rotate(first.body.refresh_token, 2)
  const fourth = await refresh(third)
  t.is(left(fourth), '"refresh";r=0')
  t.is((await refresh(fourth.body.refresh_token)).status, 429)
  t.is((await refresh(third)).body.refresh_token, fourth.body.refresh_token)
})

test('forty at once with one token → one point is taken', async t => {
  const account = await anAccount(client)
  const replies = await Promise.all(
    Array.from({ length: 40 }, (_, i) => refresh(account.refresh, { at: i % 2 ? client : other.client })),
  )
  t.deepEqual([...new Set(replies.map(({ status }) => status))], [200])
  t.is(left(await refresh(replies[0]?.body.refresh_token)), '"refresh";r=2')
})

test('a refresh over the limit → 429 until the window ends, and the token is not spent', async t => {
  const account = await anAccount(client)
  const newest = await rotate(account.refresh, 4)
  const refused = await refresh(newest)
  t.is(refused.status, 429)
  t.is(refused.body.code, 'RATE_LIMIT_EXCEEDED')
  t.is(refused.headers.get('ratelimit-policy'), '"refresh";q=4;w=900')
  t.is(left(refused), '"refresh";r=0')
  const wait = Number(refused.headers.get('retry-after'))
  t.true(wait > 800 && wait <= 900)
  await travel(clock.shift + (wait - 30) * 1000)
  t.is((await refresh(newest)).status, 429)
  await travel(clock.shift + 31_000)
  t.is((await refresh(newest)).status, 200)
  await travel(0)
})

test('refreshes by the cookie → a limit of their own, beside that of tokens in the body', async t => {
  const { email, password } = await anAccount(client)
  const cookieOf = ({ headers }: Reply) => headers.getSetCookie()[0]?.split(';')[0] ?? ''
  const byCookie = (cookie: string) => client.post('refresh', {}, { headers: { cookie, origin } })
  const login = await client.post(
    'login',
    { email, password, token_transport: 'cookie' },
    { headers: { origin } },
  )
  let cookie = cookieOf(login)
  for (const points of [5, 4, 3, 2, 1, 0]) {
    const reply = await byCookie(cookie)
    t.is(reply.status, 200)
    t.is(reply.headers.get('ratelimit-policy'), '"refresh_cookie";q=6;w=900')
    t.is(left(reply), `"refresh_cookie";r=${points}`)
    cookie = cookieOf(reply)
  }
  t.is((await byCookie(cookie)).status, 429)
  const inBody = await refresh(cookie.slice(cookie.indexOf('=') + 1))
  t.is(inBody.status, 200)
  t.is(left(inBody), '"refresh";r=3')
})

test('tokens of sessions that have ended → counted by address like forged ones', async t => {
  const ip = '203.0.113.2'
  const account = await anAccount(client)
  await client.post('logout', { refresh_token: account.refresh })
  for (let i = 0; i < 100; i++) {
    const reply = await refresh(account.refresh, { ip, at: i % 2 ? client : other.client })
    t.is(reply.status, 401)
    t.is(left(reply), `"anonymous";r=${99 - i}`)
  }
  const refused = await refresh(account.refresh, { ip })
  t.is(refused.status, 429)
  t.true(Number(refused.headers.get('retry-after')) > 0)
  t.is((await refresh(account.refresh)).status, 401, 'from elsewhere')
  const living = await anAccount(client)
  t.is((await refresh(living.refresh, { ip })).status, 200, 'a good token is not among them')
})
