import test from 'ava'
import { newAuthenticator } from '../../authenticator.ts'
import { anAccount, password } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import {
  addPasskey,
  aPasskeyUser,
  claimsOf,
  creationOptions,
  requestOptions,
  signIn,
} from './passkey-user.ts'

const world = await openWorld()
const { client, sql } = world
test.after.always(() => world[Symbol.asyncDispose]())

test('a fresh session asks for a new passkey → options of the contract, bound to the user', async t => {
  const { access, userId, email } = await anAccount(client)
  const { challenge, ...options } = await creationOptions(client, access)
  t.is(Buffer.from(challenge, 'base64url').length, 32)
  t.deepEqual(options, {
    rp: { id: 'latchkey.test', name: 'Latchkey' },
    user: {
      id: Buffer.from(userId.replaceAll('-', ''), 'hex').toString('base64url'),
      ...{ name: email, displayName: email },
    },
    pubKeyCredParams: [-8, -7, -257].map(alg => ({ type: 'public-key', alg })),
    timeout: 300_000,
    excludeCredentials: [],
    authenticatorSelection: {
      residentKey: 'required',
      requireResidentKey: true,
      userVerification: 'preferred',
    },
    attestation: 'none',
  })
})

test('the first passkey → recovery codes, this session reaches aal2, the other one ends', async t => {
  const { access, email } = await anAccount(client)
  const other = await client.post('login', { email, password })
  const first = newAuthenticator()
  const added = await addPasskey(client, access, first)
  t.is(added.status, 201)
  t.is(added.body.recovery_codes.length, 10)
  t.like(added.body.factor, { type: 'passkey', name: 'Passkey', user_verifying: true, backed_up: false })
  t.deepEqual(added.body.factor.transports, ['internal', 'hybrid'])
  t.is((await client.get('check', { token: access })).headers.get('x-auth-acr'), 'aal2')
  t.is((await client.get('me', { token: other.body.access_token })).status, 401)
  const { excludeCredentials } = await creationOptions(client, access)
  t.deepEqual(excludeCredentials, [{ id: first.id, type: 'public-key', transports: ['internal', 'hybrid'] }])
  const second = await addPasskey(client, access, newAuthenticator())
  t.is(second.status, 201)
  t.false('recovery_codes' in second.body)
})

for (const [algorithm, name] of [
  [-8, 'EdDSA'],
  [-7, 'ES256'],
  [-257, 'RS256'],
] as const)
  test(`a passkey with ${name} that verifies the user → signs in without a name, at aal2`, async t => {
    const { authenticator, userId } = await aPasskeyUser(client, { algorithm })
    const { allowCredentials, rpId } = await requestOptions(client)
    t.deepEqual({ allowCredentials, rpId }, { allowCredentials: [], rpId: 'latchkey.test' })
    const { status, body } = await signIn(client, authenticator)
    t.is(status, 200)
    t.is(body.user.id, userId)
    const { amr, acr } = claimsOf(body.access_token)
    t.deepEqual([acr, amr], ['aal2', ['hwk', 'user', 'mfa']])
  })

test('a synchronised passkey → amr swk; its use is stored', async t => {
  const { authenticator, factorId } = await aPasskeyUser(client, { flags: 1 | 4 | 8 })
  const { status, body } = await signIn(client, authenticator, { flags: 1 | 4 | 8 | 16, counter: 7 })
  t.is(status, 200)
  t.deepEqual(claimsOf(body.access_token).amr, ['swk', 'user', 'mfa'])
  const [row] = await sql<object>(
    'SELECT sign_count, backed_up, last_used_at IS NOT NULL AS used FROM factors WHERE id = $1',
    [factorId],
  )
  t.deepEqual(row, { sign_count: '7', backed_up: true, used: true })
})

test('the authenticator does not verify the user → MFA_REQUIRED, and the password completes the sign-in', async t => {
  const { authenticator, userId } = await aPasskeyUser(client, { flags: 1 })
  const { status, body } = await signIn(client, authenticator, { flags: 1 })
  t.is(status, 403)
  t.like(body, { code: 'MFA_REQUIRED', methods: ['recovery_code', 'password'], expires_in: 300 })
  const second = await client.post('login/mfa', { mfa_token: body.mfa_token, password })
  const { amr, acr } = claimsOf(second.body.access_token)
  t.deepEqual([acr, amr], ['aal2', ['hwk', 'user', 'pwd', 'mfa']])
  t.deepEqual(await loginEvents(userId), ['login.challenged', 'login.succeeded'])
})

const loginEvents = async (userId: string): Promise<string[]> =>
  (
    await sql<{ type: string }>(
      `SELECT type FROM audit_events WHERE user_id = $1 AND type LIKE 'login.%' ORDER BY id`,
      [userId],
    )
  ).map(({ type }) => type)

test('a sign-in by passkey from another device → the email about a new device, and login.succeeded', async t => {
  const { authenticator, userId } = await aPasskeyUser(client)
  t.is((await signIn(client, authenticator)).status, 200)
  const credential = authenticator.get(await requestOptions(client))
  const headers = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' }
  t.is((await client.post('login/passkey', { credential }, { headers })).status, 200)
  t.deepEqual(await loginEvents(userId), ['login.succeeded', 'login.succeeded'])
  t.is((await sql(`SELECT 1 FROM emails WHERE user_id = $1 AND kind = 'new_device'`, [userId])).length, 1)
})

test('sign-ins from a known device → no point of the limit of the network; refused ones count', async t => {
  const { client: limited, close } = await world.instance({ RATE_LIMITS: 'login_passkey=2/15m' })
  const { authenticator } = await aPasskeyUser(client)
  const replies = []
  for (let i = 0; i < 4; i++) replies.push((await signIn(limited, authenticator)).status)
  t.deepEqual(replies, [200, 200, 200, 200])
  for (const rpId of ['evil.test', 'test']) t.is((await signIn(limited, authenticator, { rpId })).status, 401)
  t.is((await signIn(limited, authenticator)).status, 429)
  await close()
})

test('a deactivated account → ACCOUNT_DEACTIVATED, and the event', async t => {
  const { authenticator, userId } = await aPasskeyUser(client)
  await sql('UPDATE users SET is_active = false WHERE id = $1', [userId])
  t.like((await signIn(client, authenticator)).body, { code: 'ACCOUNT_DEACTIVATED' })
  t.deepEqual(await loginEvents(userId), ['login.refused'])
})

test('an unverified account → EMAIL_NOT_VERIFIED; with privacy, as a wrong passkey', async t => {
  const { authenticator } = await aPasskeyUser(client)
  await using verified = new AsyncDisposableStack()
  const open = async (env: Record<string, string>) => {
    const instance = await world.instance(env)
    verified.defer(instance.close)
    return instance.client
  }
  const strict = await open({ REQUIRE_VERIFIED_EMAIL: 'true' })
  t.is((await signIn(strict, authenticator)).body.code, 'EMAIL_NOT_VERIFIED')
  const secretive = await open({ REGISTRATION_PRIVACY: 'on' })
  t.is((await signIn(secretive, authenticator)).body.code, 'INVALID_PASSKEY')
})

test('a user with 20 passkeys → FACTOR_LIMIT_REACHED, also for a challenge from before', async t => {
  const { access, userId, authenticator } = await aPasskeyUser(client)
  const late = newAuthenticator().create(await creationOptions(client, access))
  await sql(
    `INSERT INTO factors (id, user_id, type, name, credential_id, confirmed_at)
      SELECT gen_random_uuid(), $1, 'passkey', 'n', gen_random_uuid(), now() FROM generate_series(1, 19)`,
    [userId],
  )
  const options = await client.post('factors/passkeys/options', {}, { token: access })
  t.like(options, { status: 409, body: { ...options.body, code: 'FACTOR_LIMIT_REACHED' } })
  const added = await client.post('factors/passkeys', { credential: late }, { token: access })
  t.is(added.body.code, 'FACTOR_LIMIT_REACHED')
  t.is((await signIn(client, authenticator)).status, 200)
})

test('a session that is not fresh asks for a new passkey → REAUTHENTICATION_REQUIRED', async t => {
  const { access, userId, sessionId } = await anAccount(client)
  await world.redis.hset(world.keys.session(userId, sessionId), 'auth_time', 1)
  const { status, body } = await client.post('factors/passkeys/options', {}, { token: access })
  t.deepEqual([status, body.code], [401, 'REAUTHENTICATION_REQUIRED'])
})

test('the related origins → the configured pages, cacheable', async t => {
  const app = `android:apk-key-hash:${'A'.repeat(43)}`
  const WEBAUTHN_ORIGINS = `http://latchkey.test,https://latchkey.example,${app}`
  const { client: configured, close } = await world.instance({ WEBAUTHN_ORIGINS })
  const { body, headers } = await configured.get('/.well-known/webauthn')
  t.deepEqual(body, { origins: ['http://latchkey.test', 'https://latchkey.example'] })
  t.is(headers.get('cache-control'), 'public, max-age=3600')
  const { authenticator } = await aPasskeyUser(client)
  t.is((await signIn(configured, authenticator, { origin: app })).status, 200)
  t.is((await signIn(client, authenticator, { origin: app })).status, 401)
  await close()
})

test('the host of PUBLIC_URL is an IP address → PASSKEYS_UNAVAILABLE', async t => {
  const { client: byAddress, close } = await world.instance({ PUBLIC_URL: 'http://127.0.0.1:8000' })
  t.is((await byAddress.post('login/passkey/options', {})).body.code, 'PASSKEYS_UNAVAILABLE')
  const { access: token } = await anAccount(byAddress)
  const { body } = await byAddress.post('factors/passkeys/options', {}, { token })
  t.is(body.code, 'PASSKEYS_UNAVAILABLE')
  await close()
})
