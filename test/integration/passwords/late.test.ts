import anyTest from 'ava'
import { v7 as uuid } from 'uuid'
import { findUser } from '../../../src/accounts/store.ts'
import { requestEmailChange } from '../../../src/addresses/request-email-change.ts'
import { Problem } from '../../../src/base/problems.ts'
import { deliver } from '../../../src/mail/deliver.ts'
import { openTransport } from '../../../src/mail/transport.ts'
import { changePassword } from '../../../src/passwords/change-password.ts'
import { anAccount, anEmail } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { openPools, sendSimultaneously } from '../../simultaneous.ts'
import {
  newPassword,
  requestEmailChangeMail,
  requestResetMail,
  submitForm,
  userWithResetMail,
} from './user-with-reset-mail.ts'

// Requests that arrive while a password changes.

const test = anyTest.serial

const world = await openLocalWorld({ worker: true })
const other = await world.instance()
await openPools(world, other)
anyTest.after.always(() => world[Symbol.asyncDispose]())

{
  // Somebody registers an address before its owner does, and keeps whatever might survive the day the owner takes the
  // account over by a reset (Sudhodanan and Paverd, Pre-hijacked accounts, 2022).

  const { client } = world

  /** A squatter with sessions at two instances; `ours` is the owner's address and `theirs` the squatter's own. */
  const aSquatter = async () => {
    const ours = anEmail()
    const theirs = anEmail()
    const account = await anAccount(client, { email: ours })
    const { email, password } = account
    const { body: second } = await other.client.post('login', { email, password })
    await world.mails.to(ours, 1)
    return { ...account, ours, theirs, second }
  }

  /** The owner of the mailbox takes the account over. */
  const takeOver = async (ours: string) => {
    const { token } = await requestResetMail(world, ours)
    return (await client.post('reset-password', { token, new_password: newPassword })).status
  }

  test('the owner resets by mail: the squatter’s password, sessions and pending move are dead', async t => {
    const squatter = await aSquatter()
    const { ours, theirs, userId, second } = squatter
    const move = await requestEmailChangeMail(world, squatter, theirs)
    const page = (await client.get(move.path)).text
    t.is(await takeOver(ours), 204)

    t.is((await client.post('login', { email: ours, password: squatter.password })).status, 401)
    for (const at of [client, other.client]) {
      for (const token of [squatter.access, second.access_token])
        t.is((await at.get('me', { token })).status, 401)
      for (const refresh_token of [squatter.refresh, second.refresh_token])
        t.is((await at.post('refresh', { refresh_token })).status, 401)
      t.is((await at.post('confirm-email', { token: move.token })).status, 401)
      t.is((await at.post('confirm-email', { email: theirs, code: move.code })).status, 401)
    }
    t.is((await submitForm(client, { path: move.path, page }, {})).status, 401)
    const body = { current_password: squatter.password, new_email: theirs }
    t.is((await client.post('change-email', body, { token: squatter.access })).status, 401)

    const login = await client.post('login', { email: ours, password: newPassword })
    t.is(login.status, 200)
    t.like(login.body.user, { id: userId, email: ours, email_verified: true })
    const { body: sessions } = await client.get('sessions', { token: login.body.access_token })
    t.is(sessions.data.length, 1)
  })

  test('asking for a reset at the squatter’s pending address mails nobody: it is not the account’s', async t => {
    const squatter = await aSquatter()
    const { theirs } = squatter
    await requestEmailChangeMail(world, squatter, theirs)
    t.is((await client.post('forgot-password', { email: theirs })).status, 202)
    const { token } = await requestResetMail(world, squatter.ours)
    t.is((await client.post('verify-reset-token', { token })).status, 200)
    t.is(world.mails.caught.filter(({ to }) => to.includes(theirs)).length, 1, 'the mail of the move alone')
  })

  test('a move that was asked for before the reset and is mailed after it is dropped', async t => {
    const { ours, theirs, userId } = await aSquatter()
    const emailId = uuid()
    await world.sql(
      `INSERT INTO emails (id, kind, recipient, user_id, locale, sweep_after)
     VALUES ($1, 'email_change', $2, $3, 'en', now() + interval '1 hour')`,
      [emailId, theirs, userId],
    )
    t.is(await takeOver(ours), 204)
    using transport = openTransport(world.mails.url)
    t.is(await deliver({ ...world.deps, transport }, emailId), 'dropped')
    t.is(world.mails.caught.filter(({ to }) => to.includes(theirs)).length, 0)
  })

  test('a move whose password was compared before the reset, and that is written after it, is refused', async t => {
    const { ours, theirs, userId, password } = await aSquatter()
    const user = await findUser(world.deps.database, userId)
    if (!user) throw new Error('the account is gone')
    t.is(await takeOver(ours), 204)
    const late = await requestEmailChange(world.deps, {
      ...{ user, sessionId: uuid(), password, newEmail: theirs, locale: 'en' },
      origin: { ip: '192.0.2.1', userAgent: '' },
    })
    t.true(late instanceof Problem)
    t.is((await world.sql('SELECT 1 FROM emails WHERE recipient = $1', [theirs])).length, 0)
  })

  test('a move and a reset at once: the account is the owner’s, or the reset says that it failed', async t => {
    for (let round = 0; round < 4; round++) {
      const squatter = await aSquatter()
      const { ours, theirs, userId } = squatter
      const move = await requestEmailChangeMail(world, squatter, theirs)
      const reset = await requestResetMail(world, ours)
      const [moved, taken] = await Promise.all([
        client.post('confirm-email', { token: move.token }),
        other.client.post('reset-password', { token: reset.token, new_password: newPassword }),
      ])
      const outcome = `${moved.status} ${taken.status}`
      t.true(['200 401', '401 204'].includes(outcome), outcome)
      const user = await findUser(world.deps.database, userId)
      t.is(user?.email, taken.status === 204 ? ours : theirs)
    }
  })
}

{
  // Of several changes at once one wins, and what the others were told is true.

  const works = async (email: string, password: string) =>
    (await world.client.post('login', { email, password })).status === 200

  test('of twenty changes at once at two instances one wins, and its session and password alone stand', async t => {
    const { email, password, access, refresh, userId } = await anAccount(world.client)
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
    const { redis, keys } = world.deps
    t.deepEqual(await redis.zrange(keys.sessions(userId), 0, -1), [session.session_id])
    t.is((await other.client.get('me', { token: access })).status, 401)
    t.is((await world.client.post('refresh', { refresh_token: refresh })).status, 401)
    for (const [i, next] of passwords.entries()) t.is(await works(email, next), replies[i]?.status === 200)
    t.false(await works(email, password))
    t.is((await other.client.get('me', { token: session.access_token })).status, 200)
    t.is((await world.client.post('refresh', { refresh_token: session.refresh_token })).status, 200)
    const notices = await world.sql(
      `SELECT 1 FROM emails WHERE recipient = $1 AND kind = 'password_changed'`,
      [email],
    )
    t.is(notices.length, 1)
  })

  test('a change that compared its password before a reset came, and ends after it, is refused', async t => {
    const { email, userId, password, reset } = await userWithResetMail(world)
    const user = await findUser(world.deps.database, userId)
    if (!user) throw new Error('the account is gone')
    const body = { token: reset.token, new_password: newPassword }
    t.is((await world.client.post('reset-password', body)).status, 204)
    const late = await changePassword(world.deps, {
      user,
      sessionId: userId,
      current: password,
      next: 'a phrase of a thief 3',
      origin: { ip: '192.0.2.1', userAgent: '', network: '192.0.2.1' },
    })
    t.true(late instanceof Problem)
    t.true(await works(email, newPassword))
    t.false(await works(email, 'a phrase of a thief 3'))
    t.is(
      await world.deps.redis.zcard(world.deps.keys.sessions(userId)),
      1,
      'the login just now, and no other',
    )
  })
}
