import anyTest from 'ava'
import { v7 as uuid } from 'uuid'
import { requestEmailChange } from '../../../src/features/email-change/request-email-change.ts'
import { deliver } from '../../../src/features/mail-delivery/deliver.ts'
import { changePassword } from '../../../src/features/passwords/change-password.ts'
import { findUser } from '../../../src/features/users/store.ts'
import { Problem } from '../../../src/platform/catalog/problems.ts'
import { openTransport } from '../../../src/platform/mail/transport.ts'
import { anAccount, anEmail } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { openPools } from '../../simultaneous.ts'
import {
  newPassword,
  requestEmailChangeMail,
  requestResetMail,
  submitForm,
  userWithResetMail,
} from './user-with-reset-mail.ts'

// What an attacker started with the old password has no effect after the owner has reset it.

const test = anyTest.serial

const world = await openLocalWorld({ worker: true })
const other = await world.instance()
await openPools(world, other)
anyTest.after.always(() => world[Symbol.asyncDispose]())

{
  // A squatter registers an address before its owner does, and tries to keep access after the owner has taken the
  // account over by a reset (Sudhodanan and Paverd, Pre-hijacked accounts, 2022).

  const { client } = world

  /** A squatter with sessions at two instances. `ours` is the owner's address, `theirs` is the squatter's. */
  const registerSquatter = async () => {
    const ours = anEmail()
    const theirs = anEmail()
    const account = await anAccount(client, { email: ours })
    const { email, password } = account
    const { body: second } = await other.client.post('login', { email, password })
    await world.mails.to(ours, 1)
    return { ...account, ours, theirs, second }
  }

  /** The owner of the mailbox takes the account over by a reset. */
  const takeOver = async (ours: string) => {
    const { token } = await requestResetMail(world, ours)
    return (await client.post('reset-password', { token, new_password: newPassword })).status
  }

  test('owner resets the password → the squatter’s password, sessions and email change are dead', async t => {
    const squatter = await registerSquatter()
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

  test('reset requested at the address of a pending email change → no email is sent there', async t => {
    const squatter = await registerSquatter()
    const { theirs } = squatter
    await requestEmailChangeMail(world, squatter, theirs)
    t.is((await client.post('forgot-password', { email: theirs })).status, 202)
    const { token } = await requestResetMail(world, squatter.ours)
    t.is((await client.post('verify-reset-token', { token })).status, 200)
    t.is(
      world.mails.caught.filter(({ to }) => to.includes(theirs)).length,
      1,
      'only the email of the change itself',
    )
  })

  test('email change requested before the reset, email sent after it → the email is dropped', async t => {
    const { ours, theirs, userId } = await registerSquatter()
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

  test('email change authorized before the reset, stored after it → rejected', async t => {
    const { ours, theirs, userId, password } = await registerSquatter()
    const user = await findUser(world.deps.reads, userId)
    if (!user) throw new Error('the account is gone')
    t.is(await takeOver(ours), 204)
    const overtaken = await requestEmailChange(world.deps, {
      ...{ user, sessionId: uuid(), password, newEmail: theirs, locale: 'en' },
      origin: { ip: '192.0.2.1', userAgent: '' },
    })
    t.true(overtaken instanceof Problem)
    t.is((await world.sql('SELECT 1 FROM emails WHERE recipient = $1', [theirs])).length, 0)
  })

  test('email change confirmed during a reset → exactly one succeeds, and the other returns 401', async t => {
    for (let round = 0; round < 4; round++) {
      const squatter = await registerSquatter()
      const { ours, theirs, userId } = squatter
      const move = await requestEmailChangeMail(world, squatter, theirs)
      const reset = await requestResetMail(world, ours)
      const [moved, wasReset] = await Promise.all([
        client.post('confirm-email', { token: move.token }),
        other.client.post('reset-password', { token: reset.token, new_password: newPassword }),
      ])
      const outcome = `${moved.status} ${wasReset.status}`
      t.true(['200 401', '401 204'].includes(outcome), outcome)
      const user = await findUser(world.deps.reads, userId)
      t.is(user?.email, wasReset.status === 204 ? ours : theirs)
    }
  })

  test('password change authorized before the reset, stored after it → rejected', async t => {
    const { email, userId, password, reset } = await userWithResetMail(world)
    const canLogin = async (word: string) =>
      (await client.post('login', { email, password: word })).status === 200
    const user = await findUser(world.deps.reads, userId)
    if (!user) throw new Error('the account is gone')
    const body = { token: reset.token, new_password: newPassword }
    t.is((await world.client.post('reset-password', body)).status, 204)
    const overtaken = await changePassword(world.deps, {
      user,
      sessionId: userId,
      session: { epoch: user.session_epoch, authTime: 0, amr: ['pwd'] },
      current: password,
      next: 'a phrase of a thief 3',
      audience: world.config.PUBLIC_URL,
      origin: { ip: '192.0.2.1', userAgent: '', network: '192.0.2.1' },
    })
    t.true(overtaken instanceof Problem)
    t.true(await canLogin(newPassword))
    t.false(await canLogin('a phrase of a thief 3'))
    t.is(
      await world.deps.redis.zcard(world.deps.keys.sessions(userId)),
      1,
      'only the session of the login above',
    )
  })
}
