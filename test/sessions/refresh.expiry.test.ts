import test from 'ava'
import { anAccount } from '../make.ts'
import { openWorld } from '../world.ts'

const minute = 60_000
const env = { ACCESS_TOKEN_TTL: '1h', REFRESH_TOKEN_TTL: '10m', SESSION_MAX_AGE: '1h' }
const world = await openWorld({ env })
test.after.always(() => world[Symbol.asyncDispose]())

const { client, clock, deps } = world
const refresh = (token: string) => client.post('refresh', { refresh_token: token })
const me = (token: string) => client.get('me', { token })

test.serial('a session that is not refreshed ends when its refresh token expires', async t => {
  const account = await anAccount(client)
  clock.shift += 10 * minute - 5000
  t.is((await me(account.access)).status, 200)
  clock.shift += 5000
  const [asked, refreshed] = [await me(account.access), await refresh(account.refresh)]
  t.is(asked.status, 401)
  t.is(asked.body.code, 'SESSION_REVOKED')
  t.is(refreshed.status, 401)
  t.is(refreshed.body.code, 'INVALID_REFRESH_TOKEN')
  t.is(await deps.redis.exists(deps.keys.session(account.userId, account.sessionId)), 0)
})

test.serial('each refresh begins the idle time anew', async t => {
  const account = await anAccount(client)
  let token = account.refresh
  for (let i = 0; i < 3; i++) {
    clock.shift += 9 * minute
    const { status, body } = await refresh(token)
    t.is(status, 200)
    t.true(body.refresh_expires_in > 595 && body.refresh_expires_in <= 600)
    token = body.refresh_token
  }
})

test.serial('a session ends at its greatest age, however often it is refreshed', async t => {
  const account = await anAccount(client)
  let token = account.refresh
  let access = account.access
  for (let age = 9; age <= 54; age += 9) {
    clock.shift += 9 * minute
    const { status, body } = await refresh(token)
    t.is(status, 200, `at ${age} minutes`)
    const left = Math.min(10, 60 - age) * 60
    t.true(body.refresh_expires_in > left - 5 && body.refresh_expires_in <= left, `at ${age} minutes`)
    token = body.refresh_token
    access = body.access_token
  }
  clock.shift += 5 * minute
  const late = await refresh(token)
  t.is(late.status, 200)
  t.true(late.body.refresh_expires_in <= 60)
  clock.shift += minute
  t.is((await refresh(late.body.refresh_token)).body.code, 'INVALID_REFRESH_TOKEN')
  t.is((await me(access)).body.code, 'SESSION_REVOKED')
  t.is(await deps.redis.exists(deps.keys.session(account.userId, account.sessionId)), 0)
})

test.serial('a retry near the end is told what is left, not a new life', async t => {
  const account = await anAccount(client)
  const first = await refresh(account.refresh)
  clock.shift += 5000
  const again = await refresh(account.refresh)
  t.is(again.status, 200)
  t.true(again.body.refresh_expires_in <= first.body.refresh_expires_in - 4)
})

test.serial('Redis forgets a session by itself no later than it expires', async t => {
  const account = await anAccount(client)
  clock.shift += 9 * minute
  let token = (await refresh(account.refresh)).body.refresh_token
  for (let age = 18; age <= 54; age += 9) {
    clock.shift += 9 * minute
    token = (await refresh(token)).body.refresh_token
  }
  const life = await deps.redis.pttl(deps.keys.session(account.userId, account.sessionId))
  t.true(life > 0 && life <= 6 * minute)
})

test.serial('a session that has expired leaves the index at the next login', async t => {
  const { email, password, userId, sessionId } = await anAccount(client)
  clock.shift += 11 * minute
  const { session_id } = (await client.post('login', { email, password })).body
  t.deepEqual(await deps.redis.zrange(deps.keys.sessions(userId), 0, -1), [session_id])
  t.not(session_id, sessionId)
})
