import { randomBytes } from 'node:crypto'
import anyTest from 'ava'
import { eraseAccount } from '../../../src/features/accounts/erase-account.ts'
import { putChallenge } from '../../../src/features/challenges/store.ts'
import { resetAttemptsAndDevices } from '../../../src/features/lockout/reset-attempts-and-devices.ts'
import { mfaTokens } from '../../../src/features/login/mfa-token.ts'
import type { Reply } from '../../client.ts'
import { anAccount, password } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { openProxiedInstance } from '../../proxied-instance.ts'
import { openPools, sendSimultaneously, statusesOf, times } from '../../simultaneous.ts'
import { totpOf, wrongCodeAt } from '../../totp.ts'
import { aDevice, loginFrom } from '../lockout/unknown-devices.ts'
import { aUserWithTotp, claimsOf, type MfaUser, mfaTokenOf, secondStep } from './second-factors.ts'

// An attacker who knows the password gets a few guesses at the second factor, over all sign-ins and instances. This world has
// RATE_LIMITS=off, which does not change that.

const test = anyTest.serial

const world = await openLocalWorld({ singleRedis: true, env: { TRUSTED_PROXIES: '1' } })
const other = await world.instance()
const proxied = await openProxiedInstance(world)
await openPools(world, other)
anyTest.after.always(async () => {
  for (const each of [proxied, world]) await each[Symbol.asyncDispose]()
})

const { client, clock, deps, sql } = world
const urls = [world.url, other.url]

const codesOf = (replies: readonly Reply[]): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const { body } of replies) counts[body.code ?? 'session'] = (counts[body.code ?? 'session'] ?? 0) + 1
  return counts
}

/** Sends wrong codes from unknown devices, five for each sign-in, at both instances. */
const guess = async (user: Pick<MfaUser, 'email' | 'wrongCode'>, count: number): Promise<void> => {
  let token = ''
  for (let i = 0; i < count; i++) {
    const at = i % 2 === 0 ? client : other.client
    if (i % 5 === 0) token = await mfaTokenOf(at, user)
    const { body } = await secondStep(at, token, { code: user.wrongCode() })
    if (body.code !== 'INVALID_MFA_CODE') throw new Error(`guess ${i} got ${body.code}`)
  }
}

const sessionsOf = async ({ userId }: MfaUser): Promise<number> => {
  const rows = await sql(`SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'login.succeeded'`, [
    userId,
  ])
  return rows.length
}

test('20 simultaneous requests with one code and one token at two instances → one session', async t => {
  const user = await aUserWithTotp(world)
  const body = { mfa_token: await mfaTokenOf(client, user), code: user.code() }
  const replies = await sendSimultaneously(urls, times(20, { path: 'login/mfa', body }))
  t.deepEqual(statusesOf(replies), { 200: 1, 401: 19 })
  t.is(await sessionsOf(user), 1)
})

test('simultaneous right evidence of two kinds with one token → one session', async t => {
  const user = await aUserWithTotp(world)
  const mfa_token = await mfaTokenOf(client, user)
  const [recovery_code] = user.recoveryCodes
  const bodies = [
    { mfa_token, code: user.code() },
    { mfa_token, recovery_code },
  ]
  const replies = await sendSimultaneously(
    urls,
    bodies.map(body => ({ path: 'login/mfa', body })),
  )
  t.deepEqual(statusesOf(replies), { 200: 1, 401: 1 })
  t.is(await sessionsOf(user), 1)
})

test('one code with 8 tokens at the same time → one session', async t => {
  const user = await aUserWithTotp(world)
  const tokens: string[] = []
  for (let i = 0; i < 8; i++) tokens.push(await mfaTokenOf(client, user))
  const requests = tokens.map(mfa_token => ({ path: 'login/mfa', body: { mfa_token, code: user.code() } }))
  t.deepEqual(statusesOf(await sendSimultaneously(urls, requests)), { 200: 1, 401: 7 })
  t.is(await sessionsOf(user), 1)
})

test('40 simultaneous wrong codes with one token → five are checked, and the token is used up', async t => {
  const user = await aUserWithTotp(world)
  const mfa_token = await mfaTokenOf(client, user)
  const body = { mfa_token, code: user.wrongCode() }
  const requests = times(40, () => ({ path: 'login/mfa', body, headers: aDevice() }))
  t.deepEqual(codesOf(await sendSimultaneously(urls, requests)), { INVALID_MFA_CODE: 5, INVALID_TOKEN: 35 })
  t.is((await secondStep(client, mfa_token, { code: user.code() })).body.code, 'INVALID_TOKEN')
})

test('ten wrong codes in two sign-ins at two instances → 30 s wait, doubled after each further one', async t => {
  const user = await aUserWithTotp(world)
  await guess(user, 10)
  const slackS = 10
  const waits: number[] = []
  for (let i = 0; i < 9; i++) {
    const token = await mfaTokenOf(other.client, user)
    const refused = await secondStep(client, token, { code: user.code() })
    t.is(refused.body.code, 'RATE_LIMIT_EXCEEDED', 'the right code too')
    const wait = Number(refused.headers.get('retry-after'))
    waits.push(wait)
    clock.shift += (wait - slackS) * 1000
    for (let k = 0; k < 6; k++)
      t.is((await secondStep(client, token, { recovery_code: user.recoveryCodes[0] })).status, 429)
    clock.shift += slackS * 1000
    await guess(user, 1)
  }
  t.deepEqual(
    waits.map(wait => Math.ceil(wait / 30)),
    [1, 2, 4, 8, 16, 32, 64, 120, 120],
  )
  clock.shift += 3_600_000
  const token = await mfaTokenOf(client, user)
  t.is((await secondStep(client, token, { code: user.code() })).status, 200)
  await guess(user, 9)
  t.is((await secondStep(client, await mfaTokenOf(client, user), { code: user.code(1) })).status, 200)
})

test('an account waits → a request meanwhile is no guess at its token', async t => {
  const user = await aUserWithTotp(world)
  await guess(user, 10)
  const token = await mfaTokenOf(client, user)
  for (let i = 0; i < 12; i++) t.is((await secondStep(client, token, { code: user.code() })).status, 429)
  clock.shift += 31_000
  t.is((await secondStep(client, token, { code: user.code() })).status, 200)
})

test('an attacker uses up the guesses of unknown devices → a device that has signed in does not wait', async t => {
  const [user, laptop] = [await aUserWithTotp(world), aDevice()]
  const first = await secondStep(client, await mfaTokenOf(client, user), { code: user.code(-1) }, laptop)
  t.is(first.status, 200)
  await guess(user, 10)
  t.is((await secondStep(client, await mfaTokenOf(client, user), { code: user.code() })).status, 429)
  const token = await mfaTokenOf(client, user, laptop)
  t.is((await secondStep(client, token, { code: user.code() }, laptop)).status, 200)
  t.is((await secondStep(client, await mfaTokenOf(client, user), { code: user.code(1) })).status, 429)
})

test('devices that an attacker made known before the first factor → they share the guesses of unknown ones', async t => {
  const account = await anAccount(client)
  const [early, own] = [aDevice(), aDevice()]
  for (const device of [early, own])
    t.is((await loginFrom(client, account.email, password, device)).status, 200)
  const by = { token: account.access, headers: own }
  const { secret } = (await client.send('POST', 'factors/totp', by)).body
  const code = (steps: number) => totpOf(secret, Date.now() + clock.shift + steps * 30_000)
  t.is((await client.post('factors/totp/confirm', { code: code(0) }, by)).status, 200)
  await guess({ ...account, wrongCode: () => wrongCodeAt(secret, Date.now() + clock.shift) }, 10)
  const held = await secondStep(client, await mfaTokenOf(client, account, early), { code: code(1) }, early)
  t.is(held.body.code, 'RATE_LIMIT_EXCEEDED')
  const passed = await secondStep(client, await mfaTokenOf(client, account, own), { code: code(1) }, own)
  t.is(passed.status, 200, 'the device that set up the app')
})

test('reset of the password → no new guesses at the second factor', async t => {
  const user = await aUserWithTotp(world)
  await guess(user, 10)
  await resetAttemptsAndDevices(deps, { id: user.userId, email: user.email })
  t.is((await secondStep(client, await mfaTokenOf(client, user), { code: user.code() })).status, 429)
})

test('erasure of the account → its counters are deleted', async t => {
  const user = await aUserWithTotp(world)
  await guess(user, 1)
  const key = deps.keys.factorAttempts(user.userId)
  t.is(await world.redis.exists(key), 1)
  await sql(`UPDATE users SET erase_after = now() - interval '1 s' WHERE id = $1`, [user.userId])
  t.true(await eraseAccount(deps, user.userId))
  t.is(await world.redis.exists(key), 0)
})

test('wrong passwords and wrong codes → counted apart', async t => {
  const user = await aUserWithTotp(world)
  await guess(user, 10)
  const counters = await world.redis.keys(`*${user.userId}*attempts`)
  t.deepEqual(counters, [deps.keys.factorAttempts(user.userId)])
})

/** The token of a user whose first step was a passkey that did not check them. */
const tokenAfterPasskey = async ({ userId }: MfaUser): Promise<string> => {
  const secret = randomBytes(32)
  const [row] = await sql<{ epoch: number }>('SELECT session_epoch AS epoch FROM users WHERE id = $1', [
    userId,
  ])
  const fields = { user_id: userId, epoch: String(row?.epoch), amr: 'hwk user' }
  await putChallenge(deps, { kind: 'mfa', secret }, fields, 300_000)
  return mfaTokens.write(secret)
}

test('password after a passkey without user verification → a session of two factors', async t => {
  const user = await aUserWithTotp(world)
  const token = await tokenAfterPasskey(user)
  t.is((await secondStep(client, token, { password: 'wrong horse 9' })).body.code, 'INVALID_CREDENTIALS')
  const { status, body } = await secondStep(client, token, { password })
  t.is(status, 200)
  const { amr, acr } = claimsOf(body.access_token)
  t.deepEqual({ amr: [...amr].sort(), acr }, { amr: ['hwk', 'mfa', 'pwd', 'user'], acr: 'aal2' })
})

test('wrong passwords after a passkey → they count as those of other sign-ins', async t => {
  const limited = await aUserWithTotp(world)
  for (let i = 0; i < 5; i++)
    await secondStep(client, await tokenAfterPasskey(limited), { password: `wrong ${i} horse` })
  const [row] = await sql<{ count: number }>(
    `SELECT count(*)::int AS count FROM audit_events WHERE user_id = $1 AND type = 'login.failed'`,
    [limited.userId],
  )
  t.is(row?.count, 5)
})

test('Redis is down → 503, and neither the code nor the token is used up', async t => {
  const user = await aUserWithTotp(world)
  const [token, code] = [await mfaTokenOf(client, user), user.code()]
  proxied.redis.cut()
  t.is((await secondStep(proxied.client, token, { code })).status, 503)
  proxied.redis.heal()
  t.is((await secondStep(client, token, { code })).status, 200)
})

test('Postgres is down → 503, and it is no guess', async t => {
  const user = await aUserWithTotp(world)
  const token = await mfaTokenOf(client, user)
  proxied.postgres.cut()
  for (let i = 0; i < 6; i++)
    t.is((await secondStep(proxied.client, token, { code: user.code() })).status, 503)
  proxied.postgres.heal()
  t.is(await world.redis.exists(deps.keys.factorAttempts(user.userId)), 0)
  t.is((await secondStep(client, token, { code: user.code() })).status, 200)
})

/** Lets Postgres refuse every audit event of a type while `send` runs, as on a full disk. */
const whileFailing = async (type: string, send: () => Promise<void>) => {
  await sql(`CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'full' USING ERRCODE = '53100'; END $$`)
  await sql(`CREATE TRIGGER fail BEFORE INSERT ON audit_events FOR EACH ROW
    WHEN (NEW.type = '${type}') EXECUTE FUNCTION fail()`)
  await send().finally(() => sql('DROP FUNCTION fail CASCADE'))
}

test('Postgres fails to store the sign-in → 503, and neither the code nor the token is used up', async t => {
  const user = await aUserWithTotp(world)
  const [token, code] = [await mfaTokenOf(client, user), user.code()]
  await whileFailing('login.succeeded', async () => {
    for (let i = 0; i < 11; i++) t.is((await secondStep(client, token, { code })).status, 503)
  })
  t.is((await secondStep(client, token, { code })).status, 200)
})

test('Postgres fails to store a new app → 503, and the same code confirms it afterwards', async t => {
  const { access: token } = await anAccount(client)
  const { secret } = (await client.send('POST', 'factors/totp', { token })).body
  const body = { code: totpOf(secret, Date.now() + clock.shift) }
  await whileFailing('factor.added', async () => {
    for (let i = 0; i < 6; i++) t.is((await client.post('factors/totp/confirm', body, { token })).status, 503)
  })
  t.is((await client.post('factors/totp/confirm', body, { token })).status, 200)
})

test('Postgres fails to store a reauthentication → 503, and the same code passes afterwards', async t => {
  const { access: token, code } = await aUserWithTotp(world)
  const body = { code: code() }
  await whileFailing('user.reauthenticated', async () => {
    for (let i = 0; i < 11; i++) t.is((await client.post('reauthenticate', body, { token })).status, 503)
  })
  t.is((await client.post('reauthenticate', body, { token })).status, 200)
})
