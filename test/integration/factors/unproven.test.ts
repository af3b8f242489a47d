import anyTest, { type ExecutionContext } from 'ava'
import { anAccount, anEmail, password } from '../../fixtures.ts'
import { anApp, totpOf } from '../../totp.ts'
import { openWorld } from '../../world.ts'
import { countEvents, requestEmailChange, waitForLink } from '../email-change/change-email.ts'
import { addAPasskey, anAppUser, factorsOf, hasPassword, undoTokenOf } from './undo-links.ts'

// A squatter registers the address of a victim and adds factors. The victim's first use of the mailbox removes them.

const test = anyTest.serial

const newPassword = 'a wholly new 7 phrase'
const world = await openWorld({ worker: true })
const hidden = await world.instance({ REGISTRATION_PRIVACY: 'true' })
anyTest.after.always(() => world[Symbol.asyncDispose]())
const { client } = world

/** An unverified account with an authenticator app, recovery codes and a passkey. */
const aSquatter = async () => {
  const account = await anAccount(client)
  const app = await anApp(client, account.access)
  const undoToken = await undoTokenOf(world, account.email)
  await addAPasskey(client, account.access)
  const { body } = await client.post('login', { email: account.email, password })
  return { ...account, app, undoToken, mfaToken: body.mfa_token as string }
}
type Squatter = Awaited<ReturnType<typeof aSquatter>>

const expectClosed = async (t: ExecutionContext, squatter: Squatter) => {
  const { userId, access, app, undoToken, mfaToken } = squatter
  t.deepEqual(await world.sql('SELECT 1 FROM factors WHERE user_id = $1', [userId]), [])
  t.is((await client.get('me', { token: access })).body.code, 'SESSION_REVOKED')
  const code = totpOf(app.secret, Date.now() + 30_000)
  const step = await client.post('login/mfa', { mfa_token: mfaToken, code })
  t.is(step.body.code, 'INVALID_TOKEN')
  t.is(await countEvents(world, userId, 'factor.unproven_removed'), 1)
  t.is((await client.post('undo-factor', { token: undoToken })).body.code, 'INVALID_TOKEN', 'nothing to undo')
}

/** The owner of the mailbox sets a password, and needs no factor of the squatter to sign in. */
const expectOwned = async (t: ExecutionContext, email: string) => {
  const { token } = await waitForLink(world, email, 'reset-password')
  t.is((await client.post('reset-password', { token, new_password: newPassword })).status, 204)
  t.is((await client.post('login', { email, password: newPassword })).body.user?.mfa_enabled, false)
}

test('address verified → the factors of the squatter, the password and the sessions are gone', async t => {
  const squatter = await aSquatter()
  const { email, userId } = squatter
  const { token } = await waitForLink(world, email, 'verify-email')
  for (let i = 0; i < 2; i++) t.is((await client.post('verify-email', { token })).status, 200)
  await expectClosed(t, squatter)
  t.false(await hasPassword(world, userId))
  t.is((await client.post('login', { email, password })).body.code, 'INVALID_CREDENTIALS')
  const welcomes = await world.sql(`SELECT 1 FROM emails WHERE user_id = $1 AND kind = 'welcome'`, [userId])
  t.is(welcomes.length, 1)
  await expectOwned(t, email)
})

test('password of an unverified account reset → its factors are gone', async t => {
  const squatter = await aSquatter()
  await client.post('forgot-password', { email: squatter.email })
  await expectOwned(t, squatter.email)
  await expectClosed(t, squatter)
})

test('password of a verified account reset → its factors stay, and a sign-in asks for one', async t => {
  const { email, userId } = await anAppUser(world)
  const before = await factorsOf(world, userId)
  await client.post('forgot-password', { email })
  const { token } = await waitForLink(world, email, 'reset-password')
  t.is((await client.post('reset-password', { token, new_password: newPassword })).status, 204)
  t.deepEqual(await factorsOf(world, userId), before)
  const { body } = await client.post('login', { email, password: newPassword })
  t.is(body.code, 'MFA_REQUIRED')
  t.is(body.access_token, undefined)
})

test('unverified account confirms an address → factors and password are gone, a link is mailed', async t => {
  const squatter = await aSquatter()
  const victim = anEmail()
  const { token } = await requestEmailChange(world, squatter, victim)
  t.is((await client.post('confirm-email', { token })).status, 200)
  await expectClosed(t, squatter)
  t.false(await hasPassword(world, squatter.userId))
  await expectOwned(t, victim)
})

test('verified account changes its address → its factors and its session stay', async t => {
  const { userId, access } = await anAppUser(world)
  const before = await factorsOf(world, userId)
  const { token } = await requestEmailChange(world, { access, password }, anEmail())
  t.is((await client.post('confirm-email', { token })).status, 200)
  t.deepEqual(await factorsOf(world, userId), before)
  t.is((await client.get('me', { token: access })).status, 200)
})

test('unverified account without factors verified → its password and session stay', async t => {
  const { email, userId, access } = await anAccount(client)
  // A seed that waits for its first code is no factor.
  await client.send('POST', 'factors/totp', { token: access })
  const { token } = await waitForLink(world, email, 'verify-email')
  t.is((await client.post('verify-email', { token })).status, 200)
  t.is((await client.get('me', { token: access })).status, 200)
  t.true(await hasPassword(world, userId))
  t.is(await countEvents(world, userId, 'factor.unproven_removed'), 0)
})

test('address registered again with REGISTRATION_PRIVACY → password and factors are gone', async t => {
  const registerAgain = (email: string) => hidden.client.post('register', { email, password: newPassword })
  for (const withPassword of [true, false]) {
    const { email, userId, access } = await anAccount(client)
    await addAPasskey(client, access)
    if (!withPassword) await world.sql('UPDATE users SET password_hash = NULL WHERE id = $1', [userId])
    t.is((await registerAgain(email)).status, 202)
    t.deepEqual(await factorsOf(world, userId), [])
    t.false(await hasPassword(world, userId))
    t.is((await client.get('me', { token: access })).body.code, 'SESSION_REVOKED')
    await expectOwned(t, email)
  }
  const owner = await anAppUser(world)
  const before = await factorsOf(world, owner.userId)
  t.is((await registerAgain(owner.email)).status, 202)
  t.deepEqual(await factorsOf(world, owner.userId), before)
})
