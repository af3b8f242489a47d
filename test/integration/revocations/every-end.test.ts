import anyTest from 'ava'
import { type Account, anAccount, password, tokenOf } from '../../fixtures.ts'
import { adminActions, anAdmin } from '../admin/admin-account.ts'
import { runCommand } from '../cli/run-command.ts'
import { aMachine, clientsPath, machineToken } from '../clients/machine.ts'
import { aClient, postForm } from '../introspection/a-client.ts'
import { readFeed } from './feed-reader.ts'
import { openGuardedService, openIssuer } from './guarded-service.ts'

// Every way in which sessions end: a service that verifies tokens offline refuses them too.

const test = anyTest.serial

const world = await openIssuer({ worker: true })
const { client } = world
// Sessions end at this instance, and the service reads the feed of the first one.
const { client: other } = await world.instance({ PORT: '0' })
const service = await openGuardedService(world.env.PUBLIC_URL ?? '')
const admin = await anAdmin(world)
anyTest.after.always(async () => {
  await service[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})

const newPassword = 'a wholly new 7 phrase'
const byAdmin = adminActions(other, admin.access)

const login = async ({ email, password }: Pick<Account, 'email' | 'password'>) =>
  (await client.post('login', { email, password })).body

const resetPassword = async ({ email }: Account): Promise<void> => {
  await client.post('forgot-password', { email })
  const { link } = await world.mails.to(email, 1, '/reset-password?')
  await other.post('reset-password', { token: tokenOf(link), new_password: newPassword })
}

/** What ends the session of the account, and how the feed says so. */
const ends: Record<string, ['session' | 'user', (account: Account) => Promise<unknown>]> = {
  logout: ['session', ({ access }) => other.post('logout', undefined, { token: access })],
  'a logout by the refresh token': [
    'session',
    ({ refresh }) => other.post('logout', { refresh_token: refresh }),
  ],
  'the end of one session': [
    'session',
    async account => {
      const { access_token: token } = await login(account)
      await other.send('DELETE', `sessions/${account.sessionId}`, { token })
    },
  ],
  'logout-all': ['session', ({ access }) => other.post('logout-all', undefined, { token: access })],
  'a change of password': [
    'session',
    ({ access }) =>
      other.post(
        'change-password',
        { current_password: password, new_password: newPassword },
        { token: access },
      ),
  ],
  'a stolen refresh token': [
    'session',
    async ({ refresh }) => {
      const { body } = await other.post('refresh', { refresh_token: refresh })
      await other.post('refresh', { refresh_token: body.refresh_token })
      await other.post('refresh', { refresh_token: refresh })
    },
  ],
  'a 21st session': ['session', account => Promise.all(Array.from({ length: 20 }, () => login(account)))],
  'a sign-out by an administrator': ['session', ({ userId }) => byAdmin.logout(userId)],
  'a token that a machine client revokes': [
    'session',
    async ({ refresh }) => postForm(other, 'revoke', { token: refresh }, await aClient(world, 'revoke')),
  ],
  'a reset of the password': ['user', resetPassword],
  'a change of roles': ['user', ({ email }) => runCommand(world.env, ['users', 'promote', email])],
  'a deactivation by an administrator': [
    'user',
    ({ userId }) => byAdmin.change(userId, { is_active: false }),
  ],
  'a deactivation by a command': [
    'user',
    ({ email }) => runCommand(world.env, ['users', 'deactivate', email]),
  ],
  'a deletion by the owner': [
    'user',
    ({ access }) => other.send('DELETE', 'me', { token: access, body: { password } }),
  ],
  'a deletion by an administrator': ['user', ({ userId }) => byAdmin.remove(userId)],
  'a rejection by the owner of the mailbox': [
    'user',
    async ({ email }) => {
      const { link } = await world.mails.to(email)
      await other.post('reject-account', { token: tokenOf(link) })
    },
  ],
}

for (const [what, [by, end]] of Object.entries(ends))
  test(`${what} → a guarded service refuses the token within a second, and the feed lists the ${by}`, async t => {
    const account = await anAccount(client)
    if (what === 'a change of roles')
      await world.sql('UPDATE users SET email_verified = true WHERE id = $1', [account.userId])
    t.is(await service.codeFor(account.access), 200)
    await end(account)
    await service.untilRefused(account.access)

    const { sessions, users } = await readFeed(client)
    t.true(by === 'user' || sessions.includes(account.sessionId))
    t.is(users.filter(({ sub }) => sub === account.userId).length, by === 'user' ? 1 : 0)
  })

test('a machine client is revoked → a guarded service refuses its token within a second', async t => {
  const machine = await aMachine(world, ['orders:read'])
  const token = await machineToken(client, machine)
  t.is(await service.codeFor(token), 200)
  await other.send('DELETE', `${clientsPath}/${machine.id}`, { token: admin.access })
  await service.untilRefused(token)
  t.true((await readFeed(client)).users.some(({ sub }) => sub === machine.id))
})

test('change of password or logout-all → sessions that start in the same second are accepted', async t => {
  const account = await anAccount(client)
  const change = { current_password: password, new_password: newPassword }
  const { body } = await client.post('change-password', change, { token: account.access })
  await service.untilRefused(account.access)
  t.is(await service.codeFor(body.access_token), 200)

  await client.post('logout-all', undefined, { token: body.access_token })
  const { access_token } = await login({ ...account, password: newPassword })
  await service.untilRefused(body.access_token)
  t.is(await service.codeFor(access_token), 200)
})

test('sign-in in the second after a reset → the guard accepts the token', async t => {
  const account = await anAccount(client)
  await resetPassword(account)
  await service.untilRefused(account.access)
  const { users } = await readFeed(client)
  const before = Date.parse(users.find(({ sub }) => sub === account.userId)?.before ?? '')
  await world.travel(before + 1000 - Date.now())
  const { access_token } = await login({ ...account, password: newPassword })
  await world.travel(0)
  t.is(await service.codeFor(access_token), 200)
})

test('address of an unverified account is registered again → its old sessions are refused', async t => {
  const owner = await anAccount(client)
  const another = await world.instance({ PORT: '0', REGISTRATION_PRIVACY: 'true' })
  await another.client.post('register', { email: owner.email, password })
  await t.notThrowsAsync(service.untilRefused(owner.access))
  await another.close()
})
