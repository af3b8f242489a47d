import test from 'ava'
import { keysOf } from '../every-key.ts'
import { anAccount } from '../make.ts'
import { openWorld } from '../world.ts'

const world = await openWorld()
test.after.always(() => world[Symbol.asyncDispose]())

const { client, deps } = world
const refresh = (token: string) => client.post('refresh', { refresh_token: token })
const day = 86_400

test('a refresh gives a new access token and the next refresh token, which both work', async t => {
  const account = await anAccount(client)
  const reply = await refresh(account.refresh)
  t.is(reply.status, 200)
  t.deepEqual(Object.keys(reply.body).sort(), [
    'access_token',
    'expires_in',
    'refresh_expires_in',
    'refresh_token',
    'session_id',
    'token_type',
  ])
  t.is(reply.body.token_type, 'Bearer')
  t.is(reply.body.expires_in, 900)
  t.true(reply.body.refresh_expires_in > 7 * day - 5 && reply.body.refresh_expires_in <= 7 * day)
  t.is(reply.body.session_id, account.sessionId)
  t.not(reply.body.refresh_token, account.refresh)

  const me = await client.get('me', { token: reply.body.access_token })
  t.is(me.status, 200)
  t.is(me.body.id, account.userId)
  const next = await refresh(reply.body.refresh_token)
  t.is(next.status, 200)
  t.is((await client.get('me', { token: next.body.access_token })).status, 200)
})

test('an access token from before a refresh lives on until it expires', async t => {
  const { access, refresh: token } = await anAccount(client)
  await refresh(token)
  t.is((await client.get('me', { token: access })).status, 200)
})

test('replies that carry or answer tokens are stored by nobody', async t => {
  const account = await anAccount(client)
  const { email, password } = account
  const replies = [
    await client.post('login', { email, password }),
    await refresh(account.refresh),
    await refresh('lkr_nothing'),
    await client.post('logout', undefined, { token: account.access }),
  ]
  t.deepEqual(
    replies.map(({ status }) => status),
    [200, 200, 401, 204],
  )
  for (const { headers } of replies) t.is(headers.get('cache-control'), 'no-store')
})

test('a refresh keeps the time at which the user signed in', async t => {
  const account = await anAccount(client)
  const claims = (token: string) =>
    JSON.parse(
      Buffer.from(token.split('.')[2] ?? '', 'base64url')
        .subarray(0, -64)
        .toString(),
    )
  const { body } = await refresh(account.refresh)
  const [before, after] = [claims(account.access), claims(body.access_token)]
  t.is(after.auth_time, before.auth_time)
  t.is(after.sid, account.sessionId)
  t.is(after.sub, account.userId)
})

test('sessions of one user rotate apart from each other', async t => {
  const { email, password, refresh: phone } = await anAccount(client)
  const laptop = (await client.post('login', { email, password })).body.refresh_token
  const next = (await refresh(phone)).body.refresh_token
  t.is((await refresh(laptop)).status, 200)
  t.is((await refresh(next)).status, 200)
})

test('no key of a session is left without an end of its life', async t => {
  const account = await anAccount(client)
  const look = async (sessions: number) => {
    const found = await keysOf(deps.redis, `${deps.config.REDIS_PREFIX}:{${account.userId}}:*`)
    t.is(found.filter(key => key.includes(':session:')).length, sessions)
    t.is(found.filter(key => key.endsWith(':sessions')).length, 1)
    for (const key of found) {
      const life = await deps.redis.pttl(key)
      // The devices of a user outlast their sessions.
      const days = key.endsWith(':seen') ? 400 : 7
      t.true(life > (days - 0.1) * day * 1000 && life <= days * day * 1000, `${key} ${life}`)
    }
  }
  await look(1)
  await client.post('login', { email: account.email, password: account.password })
  await look(2)
  await refresh(account.refresh)
  await look(2)
})
