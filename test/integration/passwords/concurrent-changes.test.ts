import test from 'ava'
import { openHasher } from '../../../src/platform/crypto/password.ts'
import type { Reply } from '../../client.ts'
import { type Account, anAccount, anEmail } from '../../fixtures.ts'
import { type HttpRequest, openPools, sendSimultaneously } from '../../simultaneous.ts'
import { openWorld } from '../../world.ts'
import { inTransaction, untilOneWaits } from '../postgres/held-transaction.ts'
import {
  type MailedToken,
  newPassword,
  requestEmailChangeMail,
  userWithResetMail,
} from './user-with-reset-mail.ts'

// Password changes and resets at the same moment: exactly one wins, and an attacker who acts during a reset keeps no
// access.

const world = await openWorld({ worker: true })
const other = await world.instance()
await openPools(world, other)
test.after.always(() => world[Symbol.asyncDispose]())

const { client } = world
const urls = [world.url, other.url]

const resetRequest = ({ token }: MailedToken): HttpRequest => ({
  path: 'reset-password',
  body: { token, new_password: newPassword },
})
const canLogin = async (email: string, password: string) =>
  (await client.post('login', { email, password })).status === 200
const emailOf = async (userId: string) =>
  (await world.sql<{ email: string }>('SELECT email FROM users WHERE id = $1', [userId]))[0]?.email

/** Sends `one` simultaneously with `rest`, at a position that depends on the round, and returns its reply first. */
const sendAmong = async (round: number, rest: HttpRequest[], one: HttpRequest): Promise<[Reply, Reply[]]> => {
  const at = Math.round((round * rest.length) / 2)
  const replies = await sendSimultaneously(round % 2 ? urls : [...urls].reverse(), rest.toSpliced(at, 0, one))
  const [reply] = replies.splice(at, 1)
  if (!reply) throw new Error('no reply')
  return [reply, replies]
}

const isDead = async (tokens: { access: string; refresh: string }) => {
  const asked = [
    await client.get('me', { token: tokens.access }),
    await other.client.post('refresh', { refresh_token: tokens.refresh }),
  ]
  return asked.every(({ status }) => status === 401)
}
const sessionsIn = (replies: Reply[]) =>
  replies
    .filter(({ status }) => status === 200)
    .map(({ body }) => ({ access: body.access_token, refresh: body.refresh_token }))

const loginRequest = ({ email, password }: Account): HttpRequest => ({
  path: 'login',
  body: { email, password },
})

test.serial('login with the old password during a reset → rejected, or its session is revoked', async t => {
  for (let round = 0; round < 3; round++) {
    const account = await userWithResetMail(world)
    const [done, logins] = await sendAmong(
      round,
      Array(15).fill(loginRequest(account)),
      resetRequest(account.reset),
    )
    t.is(done.status, 204)
    t.true(logins.every(({ status }) => status === 200 || status === 401))
    for (const session of [account, ...sessionsIn(logins)]) t.true(await isDead(session))
    t.false(await canLogin(account.email, account.password))
    t.true(await canLogin(account.email, newPassword))
  }
})

test.serial('simultaneous reset and password changes → exactly one succeeds', async t => {
  for (let round = 0; round < 3; round++) {
    const account = await userWithResetMail(world)
    const { email, password, access } = account
    const passwords = Array.from({ length: 6 }, (_, i) => `a phrase of a thief ${i}`)
    const changes = passwords.map(new_password => ({
      path: 'change-password',
      body: { current_password: password, new_password },
      token: access,
    }))
    const [done, changed] = await sendAmong(round, changes, resetRequest(account.reset))
    const won = changed.filter(({ status }) => status === 200)
    t.is(won.length, done.status === 204 ? 0 : 1)
    t.true(done.status === 204 || (done.status === 401 && done.body.code === 'INVALID_TOKEN'))
    t.true(changed.every(({ status }) => [200, 401, 403].includes(status)))
    t.is(await canLogin(email, newPassword), done.status === 204)
    t.false(await canLogin(email, password))
    for (const [i, { status }] of changed.entries())
      t.is(await canLogin(email, passwords[i] ?? ''), status === 200)
    t.true(await isDead(account))
    for (const session of sessionsIn(won)) t.false(await isDead(session))
  }
})

test.serial('simultaneous reset and email change confirmation → exactly one succeeds', async t => {
  for (let round = 0; round < 3; round++) {
    const account = await userWithResetMail(world)
    const newEmail = anEmail()
    const { token } = await requestEmailChangeMail(world, account, newEmail)
    const confirm = { path: 'confirm-email', body: { token } }
    const [done, moved] = await sendAmong(round, Array(6).fill(confirm), resetRequest(account.reset))
    const won = moved.filter(({ status }) => status === 200)
    t.is(won.length, done.status === 204 ? 0 : moved.length)
    for (const { status, body } of [done, ...moved].filter(({ status }) => status >= 300)) {
      t.is(status, 401)
      t.is(body.code, 'INVALID_TOKEN')
    }
    const email = done.status === 204 ? account.email : newEmail
    t.is(await emailOf(account.userId), email)
    t.is(await canLogin(email, newPassword), done.status === 204)
    t.is(await canLogin(email, account.password), done.status !== 204)
    t.is(await isDead(account), done.status === 204)
    t.is((await client.post('confirm-email', { token })).status, done.status === 204 ? 401 : 200)
  }
})

test.serial('email change requested during a reset → rejected, or its emailed token is dead', async t => {
  await using slow = openHasher({ cost: 9, threads: 1, timeoutMs: 60_000 })
  // The order is random, so the rounds repeat until the reset has overtaken a request.
  let overtaken = 0
  for (let round = 0; round < 2 || (overtaken === 0 && round < 12); round++) {
    const account = await userWithResetMail(world)
    // Comparing 16 slow hashes takes much longer than the reset, so the reset commits before the last comparison.
    const hash = await slow.hash(account.password)
    await world.sql('UPDATE users SET password_hash = $2 WHERE id = $1', [account.userId, hash])
    const requests = Array.from({ length: 16 }, () => ({
      path: 'change-email',
      body: { current_password: account.password, new_email: anEmail() },
      token: account.access,
    }))
    const [done, ...asked] = await sendSimultaneously(
      [other.url, ...requests.map(() => world.url)],
      [resetRequest(account.reset), ...requests],
    )
    t.is(done?.status, 204)
    for (const { status, body } of asked) t.true([202, 401, 403].includes(status), `${status} ${body?.code}`)
    overtaken += asked.filter(({ body }) => body?.code === 'INVALID_CURRENT_PASSWORD').length
    const open = await world.sql(
      `SELECT 1 FROM emails WHERE user_id = $1 AND kind = 'email_change' AND proof_spent_at IS NULL`,
      [account.userId],
    )
    t.is(open.length, 0)
    t.is(await emailOf(account.userId), account.email)
    t.true(await canLogin(account.email, newPassword))
  }
  t.true(overtaken > 0, 'in twelve rounds the reset never overtook an email change request')
})

test.serial('refresh during a reset → the tokens that it returns are revoked', async t => {
  for (let round = 0; round < 3; round++) {
    const account = await userWithResetMail(world)
    const refresh = { path: 'refresh', body: { refresh_token: account.refresh } }
    const [done, refreshed] = await sendAmong(round, Array(11).fill(refresh), resetRequest(account.reset))
    t.is(done.status, 204)
    for (const session of [account, ...sessionsIn(refreshed)]) t.true(await isDead(session))
  }
})

test.serial(
  '20 simultaneous password changes at two instances → only one password and session are valid',
  async t => {
    const { email, password, access, refresh, userId } = await anAccount(client)
    const passwords = Array.from({ length: 20 }, (_, i) => `a new phrase number ${i}`)
    const replies = await sendSimultaneously(
      [world.url, other.url],
      passwords.map(new_password => ({
        path: 'change-password',
        body: { current_password: password, new_password },
        token: access,
      })),
    )
    const won = replies.filter(({ status }) => status === 200)
    t.is(won.length, 1)
    for (const { status, body } of replies.filter(reply => !won.includes(reply)))
      t.true(
        (status === 403 && body.code === 'INVALID_CURRENT_PASSWORD') ||
          (status === 401 && body.code === 'SESSION_REVOKED'),
        `${status}`,
      )
    const [{ body: session } = { body: null }] = won
    const { redis, keys } = world
    t.deepEqual(await redis.zrange(keys.sessions(userId), 0, -1), [session.session_id])
    t.is((await other.client.get('me', { token: access })).status, 401)
    t.is((await client.post('refresh', { refresh_token: refresh })).status, 401)
    for (const [i, next] of passwords.entries()) t.is(await canLogin(email, next), replies[i]?.status === 200)
    t.false(await canLogin(email, password))
    t.is((await other.client.get('me', { token: session.access_token })).status, 200)
    t.is((await client.post('refresh', { refresh_token: session.refresh_token })).status, 200)
    const notices = await world.sql(
      `SELECT 1 FROM emails WHERE recipient = $1 AND kind = 'password_changed'`,
      [email],
    )
    t.is(notices.length, 1)
  },
)

const endings: Record<string, string> = {
  'all sessions of the user end':
    'UPDATE users SET session_epoch = session_epoch + 1 WHERE id = $1 AND $2::uuid IS NOT NULL',
  'the session ends': `INSERT INTO audit_events (id, type, user_id, session_id)
    VALUES (gen_random_uuid(), 'session.ended', $1, $2)`,
}

for (const [ending, statement] of Object.entries(endings))
  test.serial(`${ending} while it changes the password → no new session, and the password stays`, async t => {
    const { email, password, access, userId, sessionId } = await anAccount(client)
    const body = { current_password: password, new_password: newPassword }
    const { answer } = await inTransaction(world, async query => {
      await query('SELECT FROM users WHERE id = $1 FOR UPDATE', [userId])
      const answer = client.post('change-password', body, { token: access })
      await untilOneWaits(world)
      await query(statement, [userId, sessionId])
      return { answer }
    })
    const { status, body: reply } = await answer
    t.deepEqual({ status, code: reply.code }, { status: 403, code: 'INVALID_CURRENT_PASSWORD' })
    t.true(await canLogin(email, password))
  })
