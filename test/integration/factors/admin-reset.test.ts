import anyTest from 'ava'
import { v7 as uuid } from 'uuid'
import { anAccount, password } from '../../fixtures.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'
import { adminActions, anAdmin, usersPath } from '../admin/admin-account.ts'
import { aMachine, machineToken } from '../clients/machine.ts'
import { countEvents, untilNoEmailQueued } from '../email-change/change-email.ts'
import { addAPasskey, anAppUser, factorsOf, removeAFactor, undoTokenOf } from './undo-links.ts'

// An administrator removes the factors of a user who has lost them.

const test = anyTest.serial

const world = await openWorld({ worker: true })
const { client } = world
const admin = await anAdmin(world)
anyTest.after.always(() => world[Symbol.asyncDispose]())
const { read, list } = adminActions(client, admin.access)

const reset = (id: string, token?: string) =>
  client.send('DELETE', `${usersPath}/${id}/factors`, { token: token ?? admin.access })

test('an administrator resets factors → sessions end, the owner is mailed, the password is enough', async t => {
  const { email, userId, access, added } = await anAppUser(world)
  await addAPasskey(client, access)
  t.is((await read(userId)).body.mfa_enabled, true)
  t.is((await list(`search=${email}`)).body.data[0].mfa_enabled, true)

  t.is((await reset(userId)).status, 204)
  t.deepEqual(await world.sql('SELECT 1 FROM factors WHERE user_id = $1', [userId]), [])
  t.is((await read(userId)).body.mfa_enabled, false)
  t.is((await list(`search=${email}`)).body.data[0].mfa_enabled, false)
  t.is((await client.get('me', { token: access })).body.code, 'SESSION_REVOKED')
  t.is((await client.post('login', { email, password })).status, 200)
  await until('the notice to arrive', async () =>
    (await world.mails.sentTo(email)).some(({ mail }) =>
      /second factors were removed/.test(mail.subject ?? ''),
    ),
  )
  t.is((await client.post('undo-factor', { token: added })).body.code, 'INVALID_TOKEN', 'nothing to undo')
  const [event] = await world.sql<{ actor_id: string; data: { factor_ids: string[] } }>(
    `SELECT actor_id, data FROM audit_events WHERE user_id = $1 AND type = 'factors.reset'`,
    [userId],
  )
  t.is(event?.actor_id, admin.userId)
  t.is(event?.data.factor_ids.length, 3)
})

test('user without factors → 204 without an email, and the session stays; unknown user → 404', async t => {
  const { userId, access } = await anAccount(client)
  t.is((await reset(userId)).status, 204)
  t.is((await client.get('me', { token: access })).status, 200)
  await untilNoEmailQueued(world)
  const notices = await world.sql(`SELECT 1 FROM emails WHERE user_id = $1 AND kind = 'factors_reset'`, [
    userId,
  ])
  t.is(notices.length, 0)
  t.is(await countEvents(world, userId, 'factors.reset'), 0)
  t.is((await reset(uuid())).body.code, 'NOT_FOUND')
})

test('reset of a user whose only factor was removed → the emailed link still restores it', async t => {
  const { email, userId, access, app } = await anAppUser(world)
  const before = await factorsOf(world, userId)
  await removeAFactor(client, access, app.id)
  const token = await undoTokenOf(world, email, 2)
  t.is((await reset(userId)).status, 204)
  t.is((await client.post('undo-factor', { token })).status, 204)
  t.deepEqual(await factorsOf(world, userId), before)
})

test('the caller is no administrator, or a client without the scope → 403, and the factors stay', async t => {
  const { userId, access } = await anAppUser(world)
  const before = await factorsOf(world, userId)
  const reader = await machineToken(client, await aMachine(world, ['users:read'], admin.access))
  for (const token of [access, reader]) t.is((await reset(userId, token)).status, 403)
  t.deepEqual(await factorsOf(world, userId), before)
})

test('a machine client with `users:write` resets factors → 204, and the event names the client', async t => {
  const { userId } = await anAppUser(world)
  const machine = await aMachine(world, ['users:write'], admin.access)
  t.is((await reset(userId, await machineToken(client, machine))).status, 204)
  t.deepEqual(await factorsOf(world, userId), [])
  const [event] = await world.sql<{ actor_client_id: string }>(
    `SELECT actor_client_id FROM audit_events WHERE user_id = $1 AND type = 'factors.reset'`,
    [userId],
  )
  t.is(event?.actor_client_id, machine.id)
})
