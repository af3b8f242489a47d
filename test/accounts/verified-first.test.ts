import test from 'ava'
import { anEmail, password, tokenOf } from '../make.ts'
import { openWorld } from '../world.ts'

// With REQUIRE_VERIFIED_EMAIL nobody gets a session before their mailbox has spoken.

const world = await openWorld({ worker: true, env: { REQUIRE_VERIFIED_EMAIL: 'true' } })
test.after.always(() => world[Symbol.asyncDispose]())
const { client } = world

const login = (email: string, tried = password) => client.post('login', { email, password: tried })
const sessionsOf = (userId: string) => world.deps.redis.zcard(world.deps.keys.sessions(userId))
const aRegistered = async () => {
  const email = anEmail()
  const reply = await client.post('register', { email, password })
  const { link, code } = await world.mails.to(email)
  return { email, reply, userId: reply.body.user.id as string, token: tokenOf(link), code }
}

test('a registration shows the user, and begins no session', async t => {
  const { reply, email, userId } = await aRegistered()
  t.is(reply.status, 202)
  t.deepEqual(Object.keys(reply.body), ['user'])
  t.like(reply.body.user, { email, email_verified: false })
  t.notRegex(reply.text, /v4\.public|lkr_|token|session/)
  const cookie = await client.post('register', { email: anEmail(), password, token_transport: 'cookie' })
  t.is(cookie.status, 202)
  t.is(cookie.headers.get('set-cookie'), null)
  for (const id of [userId, cookie.body.user.id]) t.is(await sessionsOf(id), 0)
})

test('that an address is not verified is told to the right password alone, and opens nothing', async t => {
  const { email, userId } = await aRegistered()
  const before = await world.sql('SELECT * FROM users WHERE id = $1', [userId])
  const right = await login(email)
  t.is(right.status, 403)
  t.is(right.body.code, 'EMAIL_NOT_VERIFIED')
  t.deepEqual(Object.keys(right.body).sort(), ['code', 'request_id', 'status', 'title', 'type'])
  const cookie = await client.post('login', { email, password, token_transport: 'cookie' })
  t.is(cookie.status, 403)
  t.is(cookie.headers.get('set-cookie'), null)
  const wrong = await login(email, 'wrong horse 9')
  t.is(wrong.status, 401)
  t.is(wrong.body.code, 'INVALID_CREDENTIALS')
  t.is(await sessionsOf(userId), 0)
  t.deepEqual(await world.sql('SELECT * FROM users WHERE id = $1', [userId]), before)
})

test('once the address is verified the login works; verifying itself signs nobody in', async t => {
  for (const by of ['token', 'code'] as const) {
    const { email, userId, token, code } = await aRegistered()
    const verified = await client.post('verify-email', by === 'token' ? { token } : { email, code })
    t.is(verified.status, 200)
    t.deepEqual(verified.body, { email, email_verified: true })
    t.is(await sessionsOf(userId), 0)
    const { status, body } = await login(email)
    t.is(status, 200)
    t.true(body.user.email_verified)
    t.is((await client.get('me', { token: body.access_token })).status, 200)
  }
})

test('a password that is reset by mail verifies the address too', async t => {
  const { email, userId } = await aRegistered()
  await client.post('forgot-password', { email })
  const { link } = await world.mails.to(email, 2)
  const reset = await client.post('reset-password', {
    token: tokenOf(link),
    new_password: 'another horse 10',
  })
  t.is(reset.status, 204)
  t.is(await sessionsOf(userId), 0)
  const { status, body } = await login(email, 'another horse 10')
  t.is(status, 200)
  t.true(body.user.email_verified)
})

test('what else keeps an account shut comes first, and still to the right password alone', async t => {
  const { email, userId } = await aRegistered()
  await world.sql('UPDATE users SET is_active = false WHERE id = $1', [userId])
  t.is((await login(email)).body.code, 'ACCOUNT_DEACTIVATED')
  t.is((await login(email, 'wrong horse 9')).body.code, 'INVALID_CREDENTIALS')
})
