import anyTest from 'ava'
import { newAuthenticator } from '../../authenticator.ts'
import { type Account, anAccount, password } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import { adminActions, anAdmin } from '../admin/admin-account.ts'
import { claimsOf } from './second-factor.ts'

// A passkey authenticates the user of one session again. What was signed for another session counts nothing.

const test = anyTest.serial

const world = await openWorld()
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())

const { client, sql, redis, keys } = world

const post = (path: string, token: string, body?: unknown, at = client) => at.post(path, body, { token })
const setAmr = ({ userId, sessionId }: Account, amr: string) =>
  redis.hset(keys.session(userId, sessionId), 'amr', amr)

/** A user with a passkey, whose session authenticated by password alone. */
const aPasskeyUser = async (kind: { flags?: number } = {}) => {
  const ada = await anAdmin(world)
  const authenticator = newAuthenticator()
  const { body: options } = await post('factors/passkeys/options', ada.access)
  const made = await post('factors/passkeys', ada.access, { credential: authenticator.create(options, kind) })
  if (made.status !== 201) throw new Error(`${made.status} ${made.text}`)
  await setAmr(ada, 'pwd')
  return { ...ada, authenticator }
}

const [present, verified, synchronised] = [1, 4, 8]
const isFresh = async (ada: Account) =>
  (await adminActions(client, ada.access).change(ada.userId, { is_active: true })).status === 200

test('a passkey of the user → aal2, whether or not the authenticator verified the user', async t => {
  for (const [answer, amr] of [
    [{ flags: present | verified }, ['pwd', 'hwk', 'user', 'mfa']],
    [{ flags: present }, ['pwd', 'hwk', 'user', 'mfa']],
    [{ flags: present | verified | synchronised }, ['pwd', 'swk', 'user', 'mfa']],
  ] as const) {
    const ada = await aPasskeyUser(answer)
    t.false(await isFresh(ada))
    const { status, body: options } = await post('reauthenticate/options', ada.access)
    t.is(status, 200)
    t.deepEqual(
      options.allowCredentials.map(({ id }: { id: string }) => id),
      [ada.authenticator.id],
    )
    const credential = ada.authenticator.get(options, answer)
    const reply = await post('reauthenticate', ada.access, { credential }, other.client)
    t.is(reply.status, 200, reply.text)
    t.like(claimsOf(reply.body.access_token), { amr, acr: 'aal2' })
    t.true(await isFresh(ada))
    const again = await post('reauthenticate', ada.access, { credential })
    t.deepEqual([again.status, again.body.code], [401, 'INVALID_PASSKEY'], 'the challenge is used up')
  }
})

test('a passkey without user verification in a session without a password → still aal1', async t => {
  const ada = await aPasskeyUser()
  await setAmr(ada, 'hwk user')
  const { body: options } = await post('reauthenticate/options', ada.access)
  const credential = ada.authenticator.get(options, { flags: present })
  const { status, body } = await post('reauthenticate', ada.access, { credential })
  t.is(status, 200)
  t.like(claimsOf(body.access_token), { amr: ['hwk', 'user'], acr: 'aal1' })
  t.false(await isFresh(ada))
})

test('a passkey or challenge of another user, session or ceremony → 401 and an audit event', async t => {
  const [ada, bob] = [await aPasskeyUser(), await aPasskeyUser()]
  const { body: signedIn } = await client.post('login', { email: bob.email, password })
  const second = await anAccount(client)
  const optionsOf = async (token: string, path = 'reauthenticate/options') => (await post(path, token)).body
  await setAmr(ada, 'pwd hwk mfa')
  const wrong = [
    ada.authenticator.get(await optionsOf(bob.access)),
    ada.authenticator.get(await optionsOf(second.access)),
    ada.authenticator.get(await optionsOf(ada.access, 'factors/passkeys/options')),
    bob.authenticator.get(await optionsOf(ada.access)),
    ada.authenticator.get(await optionsOf(ada.access), { origin: 'https://evil.example.com' }),
    ada.authenticator.get(await optionsOf(ada.access), { signature: bytes => bytes.subarray(1) }),
  ]
  await setAmr(ada, 'pwd')
  for (const [i, credential] of wrong.entries()) {
    const reply = await post('reauthenticate', ada.access, { credential })
    t.deepEqual([reply.status, reply.body.code], [401, 'INVALID_PASSKEY'], String(i))
  }
  t.false(await isFresh(ada))
  const events = await sql<{ data: unknown }>(
    `SELECT data FROM audit_events WHERE user_id = $1 AND type = 'factor.refused'`,
    [ada.userId],
  )
  t.deepEqual(events, Array(wrong.length).fill({ data: { method: 'passkey' } }))
  t.is(signedIn.code, 'MFA_REQUIRED')
})
