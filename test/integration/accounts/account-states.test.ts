import { pbkdf2Sync } from 'node:crypto'
import anyTest from 'ava'
import type { Reply } from '../../client.ts'
import { anEmail, password, tokenOf } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'

// Replies do not reveal the state of an account. REQUIRE_VERIFIED_EMAIL allows no session before verification.

const test = anyTest.serial

const limits = 'login=1000/15m,register=1000/15m,mail=1000/1h,mail_ip=1000/1h,anonymous=1000/15m'
const modes = ['false', 'true']
const worlds = await Promise.all(
  modes.map(async required => ({
    required,
    world: await openWorld({
      env: { REGISTRATION_PRIVACY: 'on', REQUIRE_VERIFIED_EMAIL: required, RATE_LIMITS: limits },
    }),
  })),
)
const world = await openWorld({ worker: true, env: { REQUIRE_VERIFIED_EMAIL: 'true' } })
anyTest.after.always(() => world[Symbol.asyncDispose]())

{
  // Without the password or the mailbox, no route reveals whether an address has an account, or the state of the
  // account. Status, headers and body are compared byte by byte.

  anyTest.after.always(() => Promise.all(worlds.map(({ world }) => world[Symbol.asyncDispose]())))

  const salt = Buffer.from('sixteen byte salt')
  const plain = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '')
  const foreign = `$pbkdf2-sha256$i=1000$${plain(salt)}$${plain(pbkdf2Sync(password, salt, 1000, 32, 'sha256'))}`

  /** How the row of a new account is changed; null for an address without an account. */
  const states: [what: string, change: string | null][] = [
    ['unknown', null],
    ['unverified', 'email_verified = false'],
    ['verified', 'email_verified = true'],
    ['deactivated', 'email_verified = true, is_active = false'],
    ['deactivated and unverified', 'is_active = false'],
    ['waiting to be erased', `email_verified = true, erase_after = now() + interval '1 day'`],
    ['due to be erased', `email_verified = true, erase_after = now()`],
    ['without a password', 'email_verified = true, password_hash = NULL'],
    ['imported', `email_verified = true, password_hash = '${foreign}'`],
  ]

  const wrong = 'wrong horse 9'
  const code = '123456'
  const requests: [path: string, status: number, body: (email: string) => Record<string, string>][] = [
    ['login', 401, email => ({ email, password: wrong })],
    ['login', 401, email => ({ email: email.toUpperCase(), password: wrong, token_transport: 'cookie' })],
    ['forgot-password', 202, email => ({ email })],
    ['resend-verification', 202, email => ({ email })],
    ['register', 202, email => ({ email, password: 'another horse 10' })],
    ['register', 400, email => ({ email, password: 'short1' })],
    ['verify-email', 401, email => ({ email, code })],
    ['verify-reset-token', 401, email => ({ email, code })],
    ['reset-password', 401, email => ({ email, code, new_password: 'another horse 10' })],
    ['reset-password', 401, email => ({ email, code, new_password: 'short1' })],
    ['confirm-email', 401, email => ({ email, code })],
  ]

  /** A reply without its request id, its date and its rate limit counter. */
  const comparable = ({ status, headers, text, body }: Reply) => {
    const counting = new Set(['date', 'x-request-id', 'ratelimit'])
    const names = [...headers.keys()]
    const fixed = [...headers].filter(([name]) => !counting.has(name))
    const ids = body?.request_id === undefined || body.request_id === headers.get('x-request-id')
    return { status, names, fixed, ids, text: text.replace(body?.request_id, '') }
  }

  for (const { required, world } of worlds) {
    const inState = async (change: string | null): Promise<string> => {
      const email = anEmail()
      if (change === null) return email
      await world.client.post('register', { email, password })
      await world.sql(`UPDATE users SET ${change} WHERE email = $1`, [email])
      return email
    }

    for (const [i, [path, status, body]] of requests.entries())
      test(`${path} ${i}, REQUIRE_VERIFIED_EMAIL=${required} → equal replies for all account states`, async t => {
        let first: ReturnType<typeof comparable> | null = null
        for (const [what, change] of states) {
          const reply = comparable(await world.client.post(path, body(await inState(change))))
          first ??= reply
          t.is(reply.status, status, what)
          t.true(reply.ids)
          t.deepEqual(reply, first, what)
        }
      })
  }
}

{
  // With REQUIRE_VERIFIED_EMAIL a user gets no session before the address is verified.

  const { client } = world

  const login = (email: string, tried = password) => client.post('login', { email, password: tried })
  const sessionsOf = (userId: string) => world.redis.zcard(world.keys.sessions(userId))
  const aRegistered = async () => {
    const email = anEmail()
    const reply = await client.post('register', { email, password })
    const { link, code } = await world.mails.to(email)
    return { email, reply, userId: reply.body.user.id as string, token: tokenOf(link), code }
  }

  test('registration with REQUIRE_VERIFIED_EMAIL → 202 with the user, no tokens, no cookie and no session', async t => {
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

  test('login with an unverified address → 403 EMAIL_NOT_VERIFIED for the right password only, no session', async t => {
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

  test('the address is verified → login works; the verification itself starts no session', async t => {
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

  test('a password reset by email → the address is verified and login works', async t => {
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

  test('login to a deactivated, unverified account → ACCOUNT_DEACTIVATED, for the right password only', async t => {
    const { email, userId } = await aRegistered()
    await world.sql('UPDATE users SET is_active = false WHERE id = $1', [userId])
    t.is((await login(email)).body.code, 'ACCOUNT_DEACTIVATED')
    t.is((await login(email, 'wrong horse 9')).body.code, 'INVALID_CREDENTIALS')
  })
}
