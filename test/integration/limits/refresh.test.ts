import anyTest from 'ava'
import type { Reply } from '../../client.ts'
import { type Account, anAccount } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'

// What the refresh limit counts. It must never hide the theft of a refresh token.

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
const newIp = () => `198.51.100.${++asked % 250}`
const refresh = (token: string, { ip = newIp(), at = client } = {}) =>
  at.post('refresh', { refresh_token: token }, { headers: { 'x-forwarded-for': ip } })

/** Rotates the refresh token this many times, and returns the newest one. */
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
const pointsLeft = ({ headers }: Reply) => headers.get('ratelimit')?.replace(/;t=\d+/, '')

test('thief rotates up to the limit → a used token of the owner still ends the session', async t => {
  const owner = await anAccount(client)
  await world.mails.to(owner.email)
  const newest = await rotate(owner.refresh, 4)
  t.is((await refresh(newest)).status, 429)

  const reused = await refresh(owner.refresh, { at: other.client })
  t.is(reused.status, 401)
  t.is(reused.body.code, 'INVALID_REFRESH_TOKEN')
  t.is(await thefts(owner), 1)
  t.is((await refresh(newest)).status, 401, 'the token of the thief no longer works')
  await world.mails.to(owner.email, 2)
  t.is((await refresh(owner.refresh)).status, 401)
  t.is(await thefts(owner), 1)
})

test('caller over the limit for bad tokens presents a used token → the theft is still recorded', async t => {
  const ip = '203.0.113.1'
  for (let i = 0; i < 100; i++) await refresh('lkr_nonsense', { ip })
  t.is((await refresh('lkr_nonsense', { ip })).status, 429)
  const owner = await anAccount(client)
  await rotate(owner.refresh, 2)
  t.is((await refresh(owner.refresh, { ip })).status, 401)
  t.is(await thefts(owner), 1)
})

test('same refresh token again within the grace period → no point is taken, even over the limit', async t => {
  const account = await anAccount(client)
  const first = await refresh(account.refresh)
  t.is(pointsLeft(first), '"refresh";r=3')
  for (let i = 0; i < 12; i++) {
    const again = await refresh(account.refresh, { at: i % 2 ? client : other.client })
    t.is(again.body.refresh_token, first.body.refresh_token)
    t.is(pointsLeft(again), '"refresh";r=3')
  }
  const third = await rotate(first.body.refresh_token, 2)
  const fourth = await refresh(third)
  t.is(pointsLeft(fourth), '"refresh";r=0')
  t.is((await refresh(fourth.body.refresh_token)).status, 429)
  t.is((await refresh(third)).body.refresh_token, fourth.body.refresh_token)
})

test('forty concurrent refreshes with one token → one point is taken', async t => {
  const account = await anAccount(client)
  const replies = await Promise.all(
    Array.from({ length: 40 }, (_, i) => refresh(account.refresh, { at: i % 2 ? client : other.client })),
  )
  t.deepEqual([...new Set(replies.map(({ status }) => status))], [200])
  t.is(pointsLeft(await refresh(replies[0]?.body.refresh_token)), '"refresh";r=2')
})

test('refresh over the limit → 429 until the window ends, and the token stays valid', async t => {
  const account = await anAccount(client)
  const newest = await rotate(account.refresh, 4)
  const refused = await refresh(newest)
  t.is(refused.status, 429)
  t.is(refused.body.code, 'RATE_LIMIT_EXCEEDED')
  t.is(refused.headers.get('ratelimit-policy'), '"refresh";q=4;w=900')
  t.is(pointsLeft(refused), '"refresh";r=0')
  const wait = Number(refused.headers.get('retry-after'))
  t.true(wait > 800 && wait <= 900)
  await travel(clock.shift + (wait - 30) * 1000)
  t.is((await refresh(newest)).status, 429)
  await travel(clock.shift + 31_000)
  t.is((await refresh(newest)).status, 200)
  await travel(0)
})

test('refreshes by cookie → counted in a limit of their own', async t => {
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
    t.is(pointsLeft(reply), `"refresh_cookie";r=${points}`)
    cookie = cookieOf(reply)
  }
  t.is((await byCookie(cookie)).status, 429)
  const inBody = await refresh(cookie.slice(cookie.indexOf('=') + 1))
  t.is(inBody.status, 200)
  t.is(pointsLeft(inBody), '"refresh";r=3')
})

test('refresh tokens of ended sessions → counted by IP address like forged ones', async t => {
  const ip = '203.0.113.2'
  const account = await anAccount(client)
  await client.post('logout', { refresh_token: account.refresh })
  for (let i = 0; i < 100; i++) {
    const reply = await refresh(account.refresh, { ip, at: i % 2 ? client : other.client })
    t.is(reply.status, 401)
    t.is(pointsLeft(reply), `"anonymous";r=${99 - i}`)
  }
  const refused = await refresh(account.refresh, { ip })
  t.is(refused.status, 429)
  t.true(Number(refused.headers.get('retry-after')) > 0)
  t.is((await refresh(account.refresh)).status, 401, 'from another IP address')
  const active = await anAccount(client)
  t.is((await refresh(active.refresh, { ip })).status, 200, 'a valid token is not counted')
})
