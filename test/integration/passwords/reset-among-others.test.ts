import test from 'ava'
import { openHasher } from '../../../src/crypto/password.ts'
import type { Reply } from '../../client.ts'
import { type Account, anEmail } from '../../fixtures.ts'
import { type HttpRequest, openPools, sendSimultaneously } from '../../simultaneous.ts'
import { openWorld } from '../../world.ts'
import {
  type MailedToken,
  newPassword,
  requestEmailChangeMail,
  userWithResetMail,
} from './user-with-reset-mail.ts'

// A reset that arrives with what a thief does at that moment: afterwards the owner alone is in.

const world = await openWorld({ worker: true })
const other = await world.instance()
await openPools(world, other)
test.after.always(() => world[Symbol.asyncDispose]())

const { client } = world
const urls = [world.url, other.url]

const reset = ({ token }: MailedToken): HttpRequest => ({
  path: 'reset-password',
  body: { token, new_password: newPassword },
})
const works = async (email: string, password: string) =>
  (await client.post('login', { email, password })).status === 200
const emailOf = async (userId: string) =>
  (await world.sql<{ email: string }>('SELECT email FROM users WHERE id = $1', [userId]))[0]?.email

/** Fires the others with one shot in their midst, and gives that one's reply apart. */
const among = async (round: number, others: HttpRequest[], one: HttpRequest): Promise<[Reply, Reply[]]> => {
  const at = Math.round((round * others.length) / 2)
  const replies = await sendSimultaneously(
    round % 2 ? urls : [...urls].reverse(),
    others.toSpliced(at, 0, one),
  )
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

const oldPassword = ({ email, password }: Account): HttpRequest => ({
  path: 'login',
  body: { email, password },
})

test.serial('a login with the old password is refused, or its session ends with the others', async t => {
  for (let round = 0; round < 3; round++) {
    const account = await userWithResetMail(world)
    const [done, logins] = await among(round, Array(15).fill(oldPassword(account)), reset(account.reset))
    t.is(done.status, 204)
    t.true(logins.every(({ status }) => status === 200 || status === 401))
    for (const session of [account, ...sessionsIn(logins)]) t.true(await isDead(session))
    t.false(await works(account.email, account.password))
    t.true(await works(account.email, newPassword))
  }
})

test.serial('of a reset and changes of the password one wins, and the others are refused', async t => {
  for (let round = 0; round < 3; round++) {
    const account = await userWithResetMail(world)
    const { email, password, access } = account
    const passwords = Array.from({ length: 6 }, (_, i) => `a phrase of a thief ${i}`)
    const changes = passwords.map(new_password => ({
      path: 'change-password',
      body: { current_password: password, new_password },
      token: access,
    }))
    const [done, changed] = await among(round, changes, reset(account.reset))
    const won = changed.filter(({ status }) => status === 200)
    t.is(won.length, done.status === 204 ? 0 : 1)
    t.true(done.status === 204 || (done.status === 401 && done.body.code === 'INVALID_TOKEN'))
    t.true(changed.every(({ status }) => [200, 401, 403].includes(status)))
    t.is(await works(email, newPassword), done.status === 204)
    t.false(await works(email, password))
    for (const [i, { status }] of changed.entries())
      t.is(await works(email, passwords[i] ?? ''), status === 200)
    t.true(await isDead(account))
    for (const session of sessionsIn(won)) t.false(await isDead(session))
  }
})

test.serial(
  'of a reset and the confirmation of a new address one wins, and the other is refused',
  async t => {
    for (let round = 0; round < 3; round++) {
      const account = await userWithResetMail(world)
      const newEmail = anEmail()
      const { token } = await requestEmailChangeMail(world, account, newEmail)
      const confirm = { path: 'confirm-email', body: { token } }
      const [done, moved] = await among(round, Array(6).fill(confirm), reset(account.reset))
      const won = moved.filter(({ status }) => status === 200)
      t.is(won.length, done.status === 204 ? 0 : moved.length)
      for (const { status, body } of [done, ...moved].filter(({ status }) => status >= 300)) {
        t.is(status, 401)
        t.is(body.code, 'INVALID_TOKEN')
      }
      const email = done.status === 204 ? account.email : newEmail
      t.is(await emailOf(account.userId), email)
      t.is(await works(email, newPassword), done.status === 204)
      t.is(await works(email, account.password), done.status !== 204)
      t.is(await isDead(account), done.status === 204)
      t.is((await client.post('confirm-email', { token })).status, done.status === 204 ? 401 : 200)
    }
  },
)

test.serial(
  'a request to move that arrives with a reset is refused, or its mail is worth nothing',
  async t => {
    await using slow = openHasher({ cost: 9, threads: 1, patience: 60_000 })
    // Which comes first is chance. The rounds go on until the reset has overtaken a request.
    let overtaken = 0
    for (let round = 0; round < 2 || (overtaken === 0 && round < 12); round++) {
      const account = await userWithResetMail(world)
      // Comparing all of them takes many times as long as setting a new one does, so the reset comes in the midst of it.
      const hash = await slow.hash(account.password)
      await world.sql('UPDATE users SET password_hash = $2 WHERE id = $1', [account.userId, hash])
      const requests = Array.from({ length: 16 }, () => ({
        path: 'change-email',
        body: { current_password: account.password, new_email: anEmail() },
        token: account.access,
      }))
      const [done, ...asked] = await sendSimultaneously(
        [other.url, ...requests.map(() => world.url)],
        [reset(account.reset), ...requests],
      )
      t.is(done?.status, 204)
      for (const { status, body } of asked)
        t.true([202, 401, 403].includes(status), `${status} ${body?.code}`)
      overtaken += asked.filter(({ body }) => body?.code === 'INVALID_CURRENT_PASSWORD').length
      const open = await world.sql(
        `SELECT 1 FROM emails WHERE user_id = $1 AND kind = 'email_change' AND proof_spent_at IS NULL`,
        [account.userId],
      )
      t.is(open.length, 0)
      t.is(await emailOf(account.userId), account.email)
      t.true(await works(account.email, newPassword))
    }
    t.true(overtaken > 0, 'the reset has overtaken no request in twelve rounds')
  },
)

test.serial('a refresh that arrives with a reset gives nothing that works', async t => {
  for (let round = 0; round < 3; round++) {
    const account = await userWithResetMail(world)
    const refresh = { path: 'refresh', body: { refresh_token: account.refresh } }
    const [done, refreshed] = await among(round, Array(11).fill(refresh), reset(account.reset))
    t.is(done.status, 204)
    for (const session of [account, ...sessionsIn(refreshed)]) t.true(await isDead(session))
  }
})
