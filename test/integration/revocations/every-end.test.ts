import anyTest from 'ava'
import { type Account, anAccount, password, tokenOf } from '../../fixtures.ts'
import { anApp, totpOf } from '../../totp.ts'
import { adminActions, anAdmin } from '../admin/admin-account.ts'
import { runCommand } from '../cli/run-command.ts'
import { aMachine, clientsPath, machineToken } from '../clients/machine.ts'
import { addAPasskey } from '../factors/undo-links.ts'
import { aClient, postForm } from '../introspection/a-client.ts'
import { readFeed } from './feed-reader.ts'
import { openGuardedService, openIssuer } from './guarded-service.ts'

// Every way in which sessions end: a service that verifies tokens offline refuses them too.

const test = anyTest.serial

const env = {
  EMAIL_LOGIN: 'on',
  WEBAUTHN_RP_ID: 'latchkey.test',
  WEBAUTHN_ORIGINS: 'http://latchkey.test',
}
const world = await openIssuer({ worker: true, env })
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

/** Adds an authenticator app in a new session of the account. */
const addApp = async (account: Account) => anApp(other, (await login(account)).access_token)

const undoFactor = async ({ email }: Account, count: number): Promise<void> => {
  const { link } = await world.mails.to(email, count, '/undo-factor?')
  await other.post('undo-factor', { token: tokenOf(link) })
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
  'a new authenticator app': ['session', addApp],
  'a new passkey': ['session', async account => addAPasskey(other, (await login(account)).access_token)],
  'the removal of a factor': [
    'session',
    async ({ email, access }) => {
      const { id, secret } = await anApp(client, access)
      const { mfa_token } = await login({ email, password })
      const code = totpOf(secret, Date.now() + 30_000)
      const { body } = await client.post('login/mfa', { mfa_token, code })
      await other.send('DELETE', `factors/${id}`, { token: body.access_token })
    },
  ],
  'a reset of the factors by an administrator': [
    'user',
    async ({ userId, access }) => {
      await anApp(client, access)
      await other.send('DELETE', `/api/v1/admin/users/${userId}/factors`, { token: admin.access })
    },
  ],
  'the undo of a new factor': [
    'user',
    async account => {
      await anApp(client, account.access)
      await undoFactor(account, 1)
    },
  ],
  'the undo of the removal of a factor': [
    'user',
    async account => {
      const { id } = await anApp(client, account.access)
      await world.mails.to(account.email, 1, '/undo-factor?')
      await client.send('DELETE', `factors/${id}`, { token: account.access })
      await undoFactor(account, 2)
    },
  ],
  'a verification of an account with a factor': [
    'user',
    async ({ email, access }) => {
      await anApp(client, access)
      const { link } = await world.mails.to(email, 1, '/verify-email?')
      await other.post('verify-email', { token: tokenOf(link) })
    },
  ],
  'a sign-in by email to an unverified account': [
    'session',
    async ({ email }) => {
      const { body } = await client.post('login/email', { email })
      const { link } = await world.mails.to(email, 1, '/login-code?')
      await other.post('login/email/confirm', { login_token: body.login_token, token: tokenOf(link) })
    },
  ],
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
