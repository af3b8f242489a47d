import anyTest from 'ava'
import bcrypt from 'bcrypt'
import type { Reply } from '../../client.ts'
import { anAccount, password } from '../../fixtures.ts'
import { anApp } from '../../totp.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'
import { aPasskeyUser, signIn } from '../factors/passkey-user.ts'
import { aClient, postForm } from '../introspection/a-client.ts'
import { aDevice } from '../lockout/unknown-devices.ts'
import { newPassword, requestResetMail } from '../passwords/user-with-reset-mail.ts'
import {
  addTotp,
  aUserWithTotp,
  claimsOf,
  firstStep,
  type MfaUser,
  mfaTokenOf,
  secondStep,
} from './second-factors.ts'

// The password of a user with a second factor gives an attacker nothing but a guess at the factor.

const test = anyTest.serial

const orders = 'https://orders.example.com'
const world = await openWorld({
  worker: true,
  env: { TRUSTED_PROXIES: '1', AUDIENCES: orders, METRICS_PORT: '0' },
})
anyTest.after.always(() => world[Symbol.asyncDispose]())

const { client, sql } = world

const eventsOf = async (userId: string) =>
  sql<{ type: string; data: unknown }>(
    `SELECT type, data FROM audit_events WHERE user_id = $1 AND type LIKE 'login.%' ORDER BY created_at, id`,
    [userId],
  )

test('right password of a user with TOTP → 403 with a token for the second step, no cookie and no session', async t => {
  const user = await aUserWithTotp(world)
  const reply = await client.post('login', { email: user.email, password, token_transport: 'cookie' })
  t.is(reply.status, 403)
  const { mfa_token, expires_in, methods, code } = reply.body
  t.deepEqual(
    { code, expires_in, methods },
    { code: 'MFA_REQUIRED', expires_in: 300, methods: ['totp', 'recovery_code'] },
  )
  t.regex(mfa_token, /^lkm_[\w-]{43}$/)
  t.deepEqual(Object.keys(reply.body).sort(), [
    'code',
    'expires_in',
    'methods',
    'mfa_token',
    'request_id',
    'status',
    'title',
    'type',
  ])
  t.falsy(reply.headers.get('set-cookie'))
  const sessions = await client.get('sessions', { token: user.access })
  t.is(sessions.body.data.length, 1, 'the session of the registration')
  t.deepEqual(await eventsOf(user.userId), [{ type: 'login.challenged', data: { amr: ['pwd'] } }])
})

test('wrong password of a user with TOTP → the reply of a user without a factor', async t => {
  const [user, other] = [await aUserWithTotp(world), await anAccount(client)]
  const replies = await Promise.all(
    [user, other].map(({ email }) => client.post('login', { email, password: 'wrong horse 9' })),
  )
  const [a, b] = replies.map(({ status, headers, body: { request_id: _, ...body } }) => ({
    status,
    body,
    headers: [...headers.keys()].sort(),
  }))
  t.is(a?.status, 401)
  t.deepEqual(a, b)
})

test('code of the authenticator app → a session of two factors', async t => {
  const user = await aUserWithTotp(world)
  const token = await mfaTokenOf(client, user)
  const { status, body } = await secondStep(client, token, { code: user.code() })
  t.is(status, 200)
  const { amr, acr } = claimsOf(body.access_token)
  t.deepEqual({ amr: [...amr].sort(), acr }, { amr: ['mfa', 'otp', 'pwd'], acr: 'aal2' })
  t.is((await client.get('me', { token: body.access_token })).status, 200)
  const refreshed = await client.post('refresh', { refresh_token: body.refresh_token })
  t.is(claimsOf(refreshed.body.access_token).acr, 'aal2')
  t.is((await secondStep(client, token, { code: user.code(1) })).body.code, 'INVALID_TOKEN', 'it is used up')
  const types = (await eventsOf(user.userId)).map(({ type }) => type)
  t.deepEqual(types, ['login.challenged', 'login.succeeded'])
})

test('second step with a cookie and an audience → the cookie holds the refresh token', async t => {
  const user = await aUserWithTotp(world)
  const token = await mfaTokenOf(client, user)
  const unknown = await secondStep(client, token, {
    code: user.code(),
    audience: 'https://other.example.com',
  })
  t.is(unknown.status, 400)
  const evidence = { code: user.code(), audience: orders, token_transport: 'cookie' }
  const { status, body, headers } = await secondStep(client, token, evidence)
  t.is(status, 200)
  t.is(claimsOf(body.access_token).aud, orders)
  t.false('refresh_token' in body)
  t.regex(headers.get('set-cookie') ?? '', /lkr_.*HttpOnly/)
})

test('recovery code → a session of two factors, and the code works once', async t => {
  const user = await aUserWithTotp(world)
  const [first = ''] = user.recoveryCodes
  const { status, body } = await secondStep(client, await mfaTokenOf(client, user), {
    recovery_code: first.toUpperCase(),
  })
  t.is(status, 200)
  t.is(claimsOf(body.access_token).acr, 'aal2')
  const again = await secondStep(client, await mfaTokenOf(client, user), { recovery_code: first })
  t.is(again.body.code, 'INVALID_MFA_CODE')
  const metrics = await world.metrics()
  for (const outcome of ['right', 'wrong'])
    t.true(metrics.includes(`second_factors_total{method="recovery_code",outcome="${outcome}"} 1\n`), metrics)
})

test('no evidence, or two kinds of it → 400, and it is no guess', async t => {
  const user = await aUserWithTotp(world)
  const token = await mfaTokenOf(client, user)
  const bodies = [{}, { code: '123' }, { code: '123456', recovery_code: 'a' }, { code: '123456', password }]
  for (const evidence of [...bodies, ...bodies]) {
    const { status, body } = await secondStep(client, token, evidence)
    t.is(status, 400)
    t.true(body.errors.length > 0)
  }
  const both = await secondStep(client, token, { code: '123456', recovery_code: 'a' })
  t.deepEqual(both.body.errors, [
    { path: 'recovery_code', rule: 'unknown', message: 'Send this field or `code`, not both.' },
  ])
  const none = await secondStep(client, token, {})
  t.deepEqual(none.body.errors[0], {
    path: 'code',
    rule: 'missing',
    message: 'Send one of these fields: `code`, `recovery_code`, `credential`, `password`.',
  })
  const half = await secondStep(client, token, { credential: {} })
  t.true(
    half.body.errors.every(({ message }: { message: string }) => !/one of these/.test(message)),
    'a part of a field is no choice',
  )
  t.is((await secondStep(client, token, { code: user.code() })).status, 200)
})

test('a method that was not offered → refused, and it counts as a guess', async t => {
  const account = await anAccount(client)
  await addTotp(world, account.userId)
  const token = await mfaTokenOf(client, account)
  const refused: Reply[] = []
  for (const evidence of [
    { password },
    { recovery_code: '4f7gk-9m2xw-b8hqd' },
    { password },
    { password },
    { password },
  ])
    refused.push(await secondStep(client, token, evidence))
  t.deepEqual(
    refused.map(({ body }) => body.code),
    ['INVALID_CREDENTIALS', 'INVALID_MFA_CODE', ...Array(3).fill('INVALID_CREDENTIALS')],
  )
  t.is((await secondStep(client, token, { password })).body.code, 'INVALID_TOKEN')
  const failed = (await eventsOf(account.userId)).filter(({ type }) => type === 'login.mfa_failed')
  t.deepEqual(failed[1]?.data, { method: 'recovery_code' })
})

test('the token of the second step is sent elsewhere → it is no bearer, no refresh token and not active', async t => {
  const token = await mfaTokenOf(client, await aUserWithTotp(world))
  t.is((await client.get('me', { token })).status, 401)
  t.is((await client.post('refresh', { refresh_token: token })).status, 401)
  t.is((await client.post('reset-password', { token, new_password: newPassword })).status, 401)
  const gateway = await aClient(world, 'introspect')
  t.deepEqual((await postForm(client, 'introspect', { token }, gateway)).body, { active: false })
})

test('a token that is unknown, malformed or expired → 401', async t => {
  const user = await aUserWithTotp(world)
  const token = await mfaTokenOf(client, user)
  for (const wrong of ['x', 'lkm_', `lkm_${'A'.repeat(43)}`, token.slice(4), `${token}A`])
    t.is((await secondStep(client, wrong, { code: user.code() })).body.code, 'INVALID_TOKEN')
  const keys = await world.keysLike(`${world.keys.challenge('mfa', '')}*`)
  for (const key of keys) t.true((await world.redis.pttl(key)) <= 300_000)
  for (const key of keys) await world.redis.pexpire(key, 1)
  await until(
    'the token to expire',
    async () => (await secondStep(client, token, { code: user.code() })).body.code === 'INVALID_TOKEN',
  )
})

const endings: Record<string, (user: MfaUser) => Promise<unknown>> = {
  'a reset of the password': async ({ email }) => {
    const { token } = await requestResetMail(world, email)
    return client.post('reset-password', { token, new_password: newPassword })
  },
  'a deactivation': ({ userId }) => sql('UPDATE users SET is_active = false WHERE id = $1', [userId]),
  'a deletion': ({ userId }) =>
    sql(`UPDATE users SET erase_after = now() + interval '1 day' WHERE id = $1`, [userId]),
  'the end of all sessions': ({ access }) => client.post('logout-all', undefined, { token: access }),
}

for (const [change, make] of Object.entries(endings))
  test(`${change} → ends a sign-in that waits for its second step`, async t => {
    const user = await aUserWithTotp(world)
    const token = await mfaTokenOf(client, user)
    await make(user)
    const { status, body } = await secondStep(client, token, { code: user.code() })
    t.deepEqual({ status, code: body.code }, { status: 401, code: 'INVALID_TOKEN' })
  })

test('reset of the password → the sign-in still needs the second factor', async t => {
  const user = await aUserWithTotp(world)
  const { token } = await requestResetMail(world, user.email)
  t.is((await client.post('reset-password', { token, new_password: newPassword })).status, 204)
  const { status, body } = await client.post('login', { email: user.email, password: newPassword })
  t.is(status, 403)
  t.is((await secondStep(client, body.mfa_token, { code: user.code() })).status, 200)
})

test('an expensive hash of a user with TOTP → replaced at the first step', async t => {
  const user = await aUserWithTotp(world)
  await sql(`UPDATE users SET password_hash = $2 WHERE id = $1`, [
    user.userId,
    await bcrypt.hash(password, 5),
  ])
  const token = await mfaTokenOf(client, user)
  const [row] = await sql<{ hash: string }>('SELECT password_hash AS hash FROM users WHERE id = $1', [
    user.userId,
  ])
  t.regex(row?.hash ?? '', /^\$2b\$04\$/)
  t.is((await secondStep(client, token, { code: user.code() })).status, 200)
})

test('a known device asks for the second step often → it does not use up the limit of its network', async t => {
  const limited = await world.instance({ RATE_LIMITS: 'login=2/15m,login_mfa=2/15m' })
  const [user, laptop] = [await aUserWithTotp(world), aDevice()]
  t.is(
    (await secondStep(client, await mfaTokenOf(client, user), { code: user.code(-1) }, laptop)).status,
    200,
  )
  for (const steps of [0, 1]) {
    for (let i = 0; i < 2; i++) t.is((await firstStep(limited.client, user, laptop)).status, 403)
    const token = await mfaTokenOf(limited.client, user, laptop)
    const { status, headers } = await secondStep(limited.client, token, { code: user.code(steps) }, laptop)
    t.is(status, 200)
    t.regex(headers.get('ratelimit') ?? '', /"login_mfa";r=2/)
  }
  await limited.close()
})

test('passkey as the second step → asked for with options, bound to its sign-in', async t => {
  const { authenticator, ...user } = await aPasskeyUser(client)
  const [first, second] = [await firstStep(client, user), await firstStep(client, user)]
  t.deepEqual(first.body.methods, ['passkey', 'recovery_code'])
  const options = first.body.passkey_options
  t.deepEqual(
    options.allowCredentials.map(({ id }: { id: string }) => id),
    [authenticator.id],
  )
  const foreign = { credential: authenticator.get(second.body.passkey_options) }
  t.is((await secondStep(client, first.body.mfa_token, foreign)).body.code, 'INVALID_PASSKEY')
  const { status, body } = await secondStep(client, first.body.mfa_token, {
    credential: authenticator.get(options),
  })
  t.is(status, 200)
  const { amr, acr } = claimsOf(body.access_token)
  t.deepEqual({ amr: [...amr].sort(), acr }, { amr: ['hwk', 'mfa', 'pwd', 'user'], acr: 'aal2' })
})

test('passkey without user verification as the second step → two factors with the password', async t => {
  const { authenticator, ...user } = await aPasskeyUser(client)
  const { mfa_token, passkey_options } = (await firstStep(client, user)).body
  const credential = authenticator.get(passkey_options, { flags: 1 })
  const { status, body } = await secondStep(client, mfa_token, { credential })
  t.is(status, 200)
  t.is(claimsOf(body.access_token).acr, 'aal2')
})

test('many refused passkeys → they do not count, neither for the token nor for the account', async t => {
  const { authenticator, recoveryCodes, ...user } = await aPasskeyUser(client)
  const { mfa_token, passkey_options } = (await firstStep(client, user)).body
  const refused = { credential: authenticator.get(passkey_options, { challenge: 'A'.repeat(43) }) }
  for (let i = 0; i < 12; i++)
    t.is((await secondStep(client, mfa_token, refused)).body.code, 'INVALID_PASSKEY')
  t.is((await secondStep(client, mfa_token, { recovery_code: recoveryCodes[0] })).status, 200)
})

test('passkey without user verification as the first step → the password completes the sign-in', async t => {
  const { authenticator, ...user } = await aPasskeyUser(client)
  const reply = await signIn(client, authenticator, { flags: 1 })
  t.is(reply.body.code, 'MFA_REQUIRED')
  t.deepEqual(reply.body.methods, ['recovery_code', 'password'])
  t.false('passkey_options' in reply.body)
  const { mfa_token } = reply.body
  t.is((await secondStep(client, mfa_token, { password: 'wrong horse 9' })).body.code, 'INVALID_CREDENTIALS')
  t.is((await secondStep(client, mfa_token, { password: user.password })).status, 200)
})

test('PASSKEYS_AS=first_factor_only → the password of a user with only passkeys signs in', async t => {
  const passkeysFirst = await world.instance({ PASSKEYS_AS: 'first_factor_only' })
  const [{ email }, totpUser] = [await aPasskeyUser(client), await aUserWithTotp(world)]
  const { status, body } = await passkeysFirst.client.post('login', { email, password })
  t.is(status, 200)
  t.is(claimsOf(body.access_token).acr, 'aal1')
  t.is((await firstStep(passkeysFirst.client, totpUser)).body.code, 'MFA_REQUIRED')
  await passkeysFirst.close()
})

test('removal of a factor → ends a sign-in that waits for its second step', async t => {
  const { factorId, recoveryCodes, access, ...user } = await aPasskeyUser(client)
  const token = await mfaTokenOf(client, user)
  t.is((await client.send('DELETE', `factors/${factorId}`, { token: access })).status, 204)
  t.is((await secondStep(client, token, { recovery_code: recoveryCodes[0] })).body.code, 'INVALID_TOKEN')
})

test('addition of a factor → ends a sign-in that waits for its second step', async t => {
  const { recoveryCodes, access, ...user } = await aPasskeyUser(client)
  const token = await mfaTokenOf(client, user)
  await anApp(client, access)
  t.is((await secondStep(client, token, { recovery_code: recoveryCodes[0] })).body.code, 'INVALID_TOKEN')
})
