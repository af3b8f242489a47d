import anyTest, { type ExecutionContext } from 'ava'
import { anEmail, password } from '../../fixtures.ts'
import { totpOf, wrongCodeAt } from '../../totp.ts'
import { openWorld } from '../../world.ts'
import { changeEmail, countEvents, rowOf, waitForLink } from '../email-change/change-email.ts'
import { addAPasskey, anAppUser, factorsOf, hasPassword, removeAFactor, undoTokenOf } from './undo-links.ts'

// The links of the emails about factors, by which an owner undoes what a thief with a stolen session has done.

const test = anyTest.serial

const day = 86_400_000
const newPassword = 'a wholly new 7 phrase'
const world = await openWorld({ worker: true, env: { EMAIL_LINK_CONFIRM: 'instant' } })
const other = await world.instance()
anyTest.after.always(() => world[Symbol.asyncDispose]())
anyTest.afterEach(() => world.travel(0))
const { client } = world

const undo = (token: string, at = client) => at.post('undo-factor', { token })
const press = (token: string, at = client, lang = 'en') =>
  at.send('POST', `undo-factor/confirm?lang=${lang}`, {
    body: new URLSearchParams({ token }).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
const setsOf = async (userId: string) =>
  (await factorsOf(world, userId)).filter(factor => factor.startsWith('recovery_codes'))

/** Resets the password by the mailed link, and signs in with it and with the app of the owner. */
const recover = async (t: ExecutionContext, email: string, secret: string, count = 1) => {
  const { token } = await waitForLink(world, email, 'reset-password', count)
  t.is((await client.post('reset-password', { token, new_password: newPassword })).status, 204)
  const step = await client.post('login', { email, password: newPassword })
  t.is(step.body.code, 'MFA_REQUIRED')
  await world.travel(world.clock.shift + 60_000)
  const code = totpOf(secret, Date.now() + world.clock.shift)
  const { status, body } = await client.post('login/mfa', { mfa_token: step.body.mfa_token, code })
  t.is(status, 200)
  return body.access_token as string
}

test('a thief replaces the factors of the owner → the link of the first addition restores them', async t => {
  const { email, userId, access, refresh, app } = await anAppUser(world)
  const before = await factorsOf(world, userId)
  const passkeyId = await addAPasskey(client, access)
  const token = await undoTokenOf(world, email, 2)
  await client.post('factors/recovery-codes', undefined, { token: access })
  await removeAFactor(client, access, app.id)
  t.false((await factorsOf(world, userId)).some(factor => before.includes(factor)))
  const later = [await undoTokenOf(world, email, 3), await undoTokenOf(world, email, 4)]

  const reply = await undo(token)
  t.is(reply.status, 204)
  t.deepEqual(await factorsOf(world, userId), before)
  t.deepEqual(await world.sql('SELECT 1 FROM factors WHERE id = $1', [passkeyId]), [], 'not restorable')
  t.false(await hasPassword(world, userId))
  for (const at of [client, other.client]) {
    t.is((await at.get('me', { token: access })).body.code, 'SESSION_REVOKED')
    t.is((await at.post('refresh', { refresh_token: refresh })).status, 401)
  }
  t.is((await client.post('login', { email, password })).body.code, 'INVALID_CREDENTIALS')
  for (const each of later) t.is((await undo(each)).body.code, 'INVALID_TOKEN', 'undone already')
  const mine = await recover(t, email, app.secret)
  t.is(await countEvents(world, userId, 'factor.undone'), 1)

  // A second click must not remove what the owner has added since.
  await addAPasskey(client, mine)
  const row = await rowOf(world, userId)
  const factors = await factorsOf(world, userId)
  const again = await undo(token, other.client)
  t.is(again.status, 204)
  t.is((await press(token)).headers.get('location')?.endsWith('factor-undone?lang=en&again=1'), true)
  t.deepEqual([await rowOf(world, userId), await factorsOf(world, userId)], [row, factors])
  t.is((await client.get('me', { token: mine })).status, 200)
  t.is(await countEvents(world, userId, 'factor.undone'), 1)
})

test('a thief removes the factor of the owner, then adds one → both links together restore the factors', async t => {
  const { email, userId, access, app } = await anAppUser(world)
  const before = await factorsOf(world, userId)
  await removeAFactor(client, access, app.id)
  t.deepEqual(await factorsOf(world, userId), [])
  const removed = await undoTokenOf(world, email, 2)
  await addAPasskey(client, access)
  const added = await undoTokenOf(world, email, 3)
  t.is((await undo(added)).status, 204)
  t.deepEqual(await factorsOf(world, userId), [])
  t.is((await undo(removed)).status, 204)
  t.deepEqual(await factorsOf(world, userId), before)
  await recover(t, email, app.secret)
})

test('a thief replaces the recovery codes 60 times, then adds a passkey → the link of the passkey works', async t => {
  const { email, userId, access } = await anAppUser(world)
  await world.sql(
    `INSERT INTO emails (id, kind, recipient, user_id, locale, data, status)
     SELECT gen_random_uuid(), 'factor_added', $2, $1, 'en', '{"factor_ids": ""}', 'sent' FROM generate_series(1, 60)`,
    [userId, email],
  )
  const passkeyId = await addAPasskey(client, access)
  t.is((await undo(await undoTokenOf(world, email, 2))).status, 204)
  t.false((await factorsOf(world, userId)).includes(`passkey ${passkeyId}`))
})

test('a removed factor is restored → exactly that one, sessions end and the password stays', async t => {
  const { email, userId, access, app } = await anAppUser(world)
  const ids = [await addAPasskey(client, access), await addAPasskey(client, access)] as const
  await undoTokenOf(world, email, 3)
  await removeAFactor(client, access, ids[0])
  const first = await undoTokenOf(world, email, 4)
  await removeAFactor(client, access, ids[1])
  const second = await undoTokenOf(world, email, 5)
  const kept = [...(await setsOf(userId)), `totp ${app.id}`]
  t.is((await undo(second)).status, 204)
  t.deepEqual(await factorsOf(world, userId), [`passkey ${ids[1]}`, ...kept].sort())
  t.true(await hasPassword(world, userId))
  t.is((await client.get('me', { token: access })).body.code, 'SESSION_REVOKED')
  t.is((await client.post('login', { email, password })).body.code, 'MFA_REQUIRED')
  const resets = await world.sql(`SELECT 1 FROM emails WHERE user_id = $1 AND kind = 'reset_password'`, [
    userId,
  ])
  t.is(resets.length, 0)
  t.is((await undo(first)).status, 204)
  t.deepEqual(await factorsOf(world, userId), [...ids.map(id => `passkey ${id}`), ...kept].sort())
})

test('devices sign in while the factor is removed → its restoration makes them unknown', async t => {
  const { email, userId, access, app } = await anAppUser(world)
  await removeAFactor(client, access, app.id)
  const headers = { 'user-agent': 'thief/1' }
  t.is((await client.post('login', { email, password }, { headers })).status, 200)
  const devices = () => world.redis.zcard(world.keys.seen(userId))
  const before = await devices()
  t.is((await undo(await undoTokenOf(world, email, 2))).status, 204)
  t.true((await devices()) < before)
  const { mfa_token } = (await client.post('login', { email, password }, { headers })).body
  await client.post('login/mfa', { mfa_token, code: wrongCodeAt(app.secret, Date.now()) }, { headers })
  const counters = Object.keys(await world.redis.hgetall(world.keys.factorAttempts(userId)))
  t.true(counters.includes('unknown'), `${counters}`)
})

test('removed recovery codes have a newer set → the link restores the factor alone', async t => {
  const { email, userId, access, app } = await anAppUser(world)
  await removeAFactor(client, access, app.id)
  const token = await undoTokenOf(world, email, 2)
  const passkeyId = await addAPasskey(client, access)
  const codes = await setsOf(userId)
  t.is((await undo(token)).status, 204)
  t.deepEqual(await factorsOf(world, userId), [`passkey ${passkeyId}`, ...codes, `totp ${app.id}`])
})

test('a thief uses a recovery code → the link removes the other codes and later factors, not the app', async t => {
  const { email, userId, access, app } = await anAppUser(world)
  const used = { recovery_code: app.recoveryCodes?.[0] ?? '' }
  const { body } = await client.post('reauthenticate', used, { token: access })
  const token = await undoTokenOf(world, email, 2)
  await addAPasskey(client, body.access_token)
  await client.post('factors/recovery-codes', undefined, { token: body.access_token })
  t.is((await undo(token)).status, 204)
  t.deepEqual(await factorsOf(world, userId), [`totp ${app.id}`])
  t.false(await hasPassword(world, userId))
  t.is((await client.get('me', { token: body.access_token })).body.code, 'SESSION_REVOKED')
  await recover(t, email, app.secret)
})

test('opening an undo link → nothing changes, even with instant confirmation; its button undoes', async t => {
  const { email, userId, access } = await anAppUser(world)
  const { token, path } = await waitForLink(world, email, 'undo-factor')
  const before = await factorsOf(world, userId)
  for (const method of ['GET', 'HEAD'] as const) t.is((await client.send(method, path)).status, 200)
  t.deepEqual(await factorsOf(world, userId), before)
  t.is((await client.get('me', { token: access })).status, 200)

  const pressed = await press(token, client, 'es')
  t.is(pressed.status, 303)
  const done = pressed.headers.get('location') ?? ''
  t.true(done.endsWith('/api/v1/auth/factor-undone?lang=es'))
  t.regex((await client.get(new URL(done).pathname + new URL(done).search)).text, /El cambio se ha deshecho/)
  t.deepEqual(await factorsOf(world, userId), [])
  const invalid = await press(`lkp_${'A'.repeat(64)}`)
  t.is(invalid.status, 401)
  t.regex(invalid.text, /This link can no longer undo the change/)
})

test('page of an undo link → says whether the password stays', async t => {
  const { email, access, app, added } = await anAppUser(world)
  await removeAFactor(client, access, app.id)
  const removed = await undoTokenOf(world, email, 2)
  const pageOf = async (token: string) => (await client.get(`undo-factor?token=${token}&lang=en`)).text
  t.regex(await pageOf(added), /a link to choose a new password/)
  t.regex(await pageOf(removed), /Your password stays the same/)
})

test('twelve simultaneous clicks at two instances → one effect', async t => {
  const { email, userId } = await anAppUser(world)
  const token = await undoTokenOf(world, email)
  const at = (i: number) => (i % 2 ? client : other.client)
  const replies = await Promise.all(
    Array.from({ length: 12 }, (_, i) => (i % 3 ? undo(token, at(i)) : press(token, at(i)))),
  )
  t.deepEqual([...new Set(replies.map(({ status }) => status))].sort(), [204, 303])
  t.is(await countEvents(world, userId, 'factor.undone'), 1)
  const resets = await world.sql(`SELECT 1 FROM emails WHERE user_id = $1 AND kind = 'reset_password'`, [
    userId,
  ])
  t.is(resets.length, 1)
})

test('Redis lost its keys → the link works for seven days, and not longer', async t => {
  const { email, userId } = await anAppUser(world)
  const token = await undoTokenOf(world, email)
  await world.dropKeys(await world.keysLike('*'))
  await world.travel(7 * day + 60_000)
  t.is((await undo(token)).body.code, 'INVALID_TOKEN')
  t.is((await factorsOf(world, userId)).length, 2)
  await world.travel(7 * day - 60_000)
  t.is((await undo(token)).status, 204)
  t.deepEqual(await factorsOf(world, userId), [])
})

test('token of an undo link on other routes → 401, and tokens of other links do not undo a factor', async t => {
  const { email } = await anAppUser(world)
  const token = await undoTokenOf(world, email)
  for (const path of ['undo-email-change', 'undo-deletion', 'verify-email', 'confirm-email'])
    t.is((await client.post(path, { token })).body.code, 'INVALID_TOKEN', path)
  await client.post('forgot-password', { email })
  const reset = await waitForLink(world, email, 'reset-password')
  t.is((await undo(reset.token)).body.code, 'INVALID_TOKEN')
  t.is((await undo(token)).status, 204)
  t.is((await client.post('reset-password', { token: reset.token, new_password: newPassword })).status, 401)
})

test('a thief changes the address, then the factors → undoing the change of address reverts both', async t => {
  const { email, userId, access, app, added } = await anAppUser(world)
  const before = await factorsOf(world, userId)
  const thief = anEmail()
  await changeEmail(world, { access, password }, thief)
  await addAPasskey(client, access)
  await removeAFactor(client, access, app.id)
  const theirs = await undoTokenOf(world, thief, 2)
  t.is((await undo(added)).body.code, 'INVALID_TOKEN', 'the account has another address')
  const { token } = await waitForLink(world, email, 'undo-email-change')
  t.is((await client.post('undo-email-change', { token })).status, 200)
  t.deepEqual(await factorsOf(world, userId), before)
  t.is((await undo(theirs)).body.code, 'INVALID_TOKEN')
  await recover(t, email, app.secret)
})

test('a thief adds a passkey, then changes the address → both links restore address and factors', async t => {
  const { email, userId, access, app } = await anAppUser(world)
  const before = await factorsOf(world, userId)
  await addAPasskey(client, access)
  const added = await undoTokenOf(world, email, 2)
  await changeEmail(world, { access, password }, anEmail())
  const moved = await waitForLink(world, email, 'undo-email-change')
  t.is((await client.post('undo-email-change', { token: moved.token })).status, 200)
  await waitForLink(world, email, 'reset-password')
  t.is((await undo(added)).status, 204)
  t.deepEqual(await factorsOf(world, userId), before)
  await recover(t, email, app.secret, 2)
})

test('an account with factors is deleted and restored → the factors stay, and both links work', async t => {
  const { email, userId, access, app } = await anAppUser(world)
  const before = await factorsOf(world, userId)
  await addAPasskey(client, access)
  t.is((await client.send('DELETE', 'me', { token: access, body: { password } })).status, 204)
  t.is((await undo(await undoTokenOf(world, email, 2))).status, 204)
  const { token } = await waitForLink(world, email, 'undo-deletion')
  t.is((await client.post('undo-deletion', { token })).status, 204)
  t.deepEqual(await factorsOf(world, userId), before)
  await recover(t, email, app.secret)
})

test('an account with factors is erased → no row of them is left', async t => {
  const { userId, access, app } = await anAppUser(world)
  await addAPasskey(client, access)
  await client.send('DELETE', 'me', { token: access, body: { password } })
  await world.sql('UPDATE users SET erase_after = now() WHERE id = $1', [userId])
  await world.run('eraseAccounts')
  t.deepEqual(await world.sql('SELECT 1 FROM factors WHERE user_id = $1', [userId]), [])
  t.deepEqual(
    await world.sql('SELECT 1 FROM recovery_codes WHERE factor_id NOT IN (SELECT id FROM factors)'),
    [],
  )
  t.truthy(app.id)
})
