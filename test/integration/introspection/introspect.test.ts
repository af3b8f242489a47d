import anyTest from 'ava'
import { signToken } from '../../../src/platform/crypto/paseto.ts'
import { generateKey, importSecret } from '../../../src/platform/crypto/paseto-keys.ts'
import type { Client } from '../../client.ts'
import { type Account, anAccount, anEmail, password, withOtherEnd } from '../../fixtures.ts'
import { until } from '../../until.ts'
import { commandInHost, openWorld } from '../../world.ts'
import { aClient, postForm } from './a-client.ts'

// Introspection (RFC 7662): what a resource server learns about a token, and what it must not learn or change.

const test = anyTest.serial

const orders = 'https://orders.example.com'
const world = await openWorld({ env: { AUDIENCES: orders } })
const other = await world.instance()
const gateway = await aClient(world, 'introspect')
anyTest.after.always(() => world[Symbol.asyncDispose]())

const { client, sql, travel } = world
const issuer = world.env.PUBLIC_URL ?? ''
const instances = [client, other.client]

const minute = 60_000
const inactive = '{"active":false}'

const introspect = (
  token: string,
  { at = client, ...form }: { at?: Client; token_type_hint?: string } = {},
) => postForm(at, 'introspect', { token, ...form }, gateway)

const claimsOf = (token: string) =>
  JSON.parse(
    Buffer.from(token.split('.')[2] ?? '', 'base64url')
      .subarray(0, -64)
      .toString(),
  )
const seconds = (time: string): number => Math.floor(Date.parse(time) / 1000)

const isActive = async (token: string): Promise<boolean[]> => {
  const replies = await Promise.all(instances.map(at => introspect(token, { at })))
  return replies.map(({ status, text, body }) => {
    if (status !== 200 || (!body.active && text !== inactive)) throw new Error(`${status}: ${text}`)
    return body.active
  })
}
const everywhere = [true, true]
const nowhere = [false, false]

const machineToken = async (machine: { basic: string }, scope?: string): Promise<string> => {
  const reply = await postForm(
    client,
    'token',
    { grant_type: 'client_credentials', ...(scope && { scope }) },
    machine,
  )
  if (reply.status !== 200) throw new Error(reply.text)
  return reply.body.access_token
}

test('access token of a user → its claims with dates as whole seconds, and the user as of now', async t => {
  const { access, userId, sessionId } = await anAccount(client)
  const email = anEmail()
  await sql(`UPDATE users SET roles = '{user,admin}', email = $2, email_verified = true WHERE id = $1`, [
    userId,
    email,
  ])
  const claims = claimsOf(access)
  for (const at of instances) {
    const { status, body, headers } = await introspect(access, { at })
    t.is(status, 200)
    t.is(headers.get('content-type'), 'application/json; charset=utf-8')
    t.is(headers.get('cache-control'), 'no-store')
    t.deepEqual(body, {
      active: true,
      token_type: 'Bearer',
      iss: issuer,
      aud: issuer,
      sub: userId,
      iat: seconds(claims.iat),
      exp: seconds(claims.exp),
      sid: sessionId,
      username: email,
      email,
      email_verified: true,
      roles: ['user', 'admin'],
      amr: ['pwd'],
      acr: 'aal1',
      auth_time: seconds(claims.auth_time),
    })
    t.is(body.exp - body.iat, 900)
  }
})

test('access token for another service → active with its audience, which the service compares', async t => {
  const { access } = await anAccount(client, { audience: orders })
  t.like((await introspect(access)).body, { active: true, aud: orders, iss: issuer })
})

test('refresh token → described as one, and neither exchanged nor prolonged nor counted as used', async t => {
  const { refresh, access, userId, sessionId, email } = await anAccount(client)
  const session = () => world.redis.hgetall(world.keys.session(userId, sessionId))
  const before = await session()
  for (const at of instances) {
    const { body } = await introspect(refresh, { at })
    t.deepEqual(body, {
      active: true,
      token_type: 'refresh_token',
      iss: issuer,
      aud: issuer,
      sub: userId,
      iat: Math.floor(Number(before.created_at) / 1000),
      exp: Math.floor(Number(before.idle_until) / 1000),
      sid: sessionId,
      username: email,
      email,
      email_verified: false,
      roles: ['user'],
      amr: ['pwd'],
      acr: 'aal1',
      auth_time: Math.floor(Number(before.auth_time) / 1000),
    })
  }
  t.deepEqual(await session(), before)
  t.is((await client.get('me', { token: access })).status, 200)
  t.is((await client.post('refresh', { refresh_token: refresh })).status, 200)
})

test('refresh token that was exchanged → inactive, and the session does not end as after a theft', async t => {
  const { refresh: first, userId, sessionId, email } = await anAccount(client)
  const second = (await client.post('refresh', { refresh_token: first })).body.refresh_token
  const third = (await client.post('refresh', { refresh_token: second })).body.refresh_token
  for (const old of [first, second]) t.deepEqual(await isActive(old), nowhere)
  t.deepEqual(await isActive(third), everywhere)
  const rotatedAt = await world.redis.hget(world.keys.session(userId, sessionId), 'rotated_at')
  t.is((await introspect(third)).body.iat, Math.floor(Number(rotatedAt) / 1000))
  t.is((await client.post('refresh', { refresh_token: third })).status, 200)
  const events = await sql(`SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'session.reused'`, [
    userId,
  ])
  t.is(events.length, 0)
  t.is((await sql(`SELECT 1 FROM emails WHERE recipient = $1 AND kind = 'session_reuse'`, [email])).length, 0)
})

test('token of a machine client → its client and scopes, and no user', async t => {
  const machine = await aClient(world, 'orders:read', 'orders:write')
  const token = await machineToken(machine, 'orders:read')
  const claims = claimsOf(token)
  for (const at of instances)
    t.deepEqual((await introspect(token, { at })).body, {
      active: true,
      token_type: 'Bearer',
      iss: issuer,
      aud: issuer,
      sub: machine.id,
      iat: seconds(claims.iat),
      exp: seconds(claims.exp),
      client_id: machine.id,
      scope: 'orders:read',
    })
})

test('machine client revoked, or without a scope of its token → inactive at once, at every instance', async t => {
  const machine = await aClient(world, 'orders:read', 'orders:write')
  const [read, both] = [await machineToken(machine, 'orders:read'), await machineToken(machine)]
  await sql(`UPDATE clients SET scopes = '{orders:read}' WHERE id = $1`, [machine.id])
  t.deepEqual(await isActive(read), everywhere)
  t.deepEqual(await isActive(both), nowhere)
  await sql('UPDATE clients SET revoked_at = now() WHERE id = $1', [machine.id])
  t.deepEqual(await isActive(read), nowhere)
  const gone = await aClient(world, 'orders:read')
  const token = await machineToken(gone)
  await sql('DELETE FROM clients WHERE id = $1', [gone.id])
  t.deepEqual(await isActive(token), nowhere)
})

const remove = { body: { password } }
const endings: Record<string, (account: Account) => Promise<unknown>> = {
  'after a logout': ({ access }) => client.post('logout', undefined, { token: access }),
  'after a logout of all sessions': ({ access }) => client.post('logout-all', undefined, { token: access }),
  'after a change of password': ({ access }) =>
    client.post(
      'change-password',
      { current_password: password, new_password: 'battery staple 10' },
      { token: access },
    ),
  'after the theft of the refresh token': async ({ refresh }) => {
    const second = (await client.post('refresh', { refresh_token: refresh })).body.refresh_token
    await client.post('refresh', { refresh_token: second })
    await client.post('refresh', { refresh_token: refresh })
  },
  'after the account was deactivated': ({ userId }) =>
    sql('UPDATE users SET is_active = false WHERE id = $1', [userId]),
  'after the account was deleted': ({ access }) => client.send('DELETE', 'me', { ...remove, token: access }),
  'after the account was erased': ({ userId }) => sql('DELETE FROM users WHERE id = $1', [userId]),
  'after the epoch of the user was raised, although Redis still has the session': ({ userId }) =>
    sql('UPDATE users SET session_epoch = session_epoch + 1 WHERE id = $1', [userId]),
  'of a session whose end is recorded, although Redis still has it': async ({
    access,
    userId,
    sessionId,
  }) => {
    const key = world.keys.session(userId, sessionId)
    const session = await world.redis.hgetall(key)
    await client.post('logout', undefined, { token: access })
    await world.redis.hset(key, ...Object.entries(session).flat())
  },
  'of a session that Redis has lost': ({ userId, sessionId }) =>
    world.redis.del(world.keys.session(userId, sessionId)),
}

for (const [when, end] of Object.entries(endings))
  test(`access and refresh token ${when} → inactive at once, at every instance`, async t => {
    const account = await anAccount(client)
    t.deepEqual(await isActive(account.access), everywhere)
    t.deepEqual(await isActive(account.refresh), everywhere)
    await end(account)
    t.deepEqual(await isActive(account.access), nowhere)
    t.deepEqual(await isActive(account.refresh), nowhere)
  })

test('expired access token → inactive in the second of its exp, while its refresh token is active', async t => {
  const { access, refresh } = await anAccount(client)
  await travel(14 * minute)
  t.deepEqual(await isActive(access), everywhere)
  await travel(15 * minute + 1000)
  t.deepEqual(await isActive(access), nowhere)
  t.deepEqual(await isActive(refresh), everywhere)
  await travel(8 * 24 * 60 * minute)
  t.deepEqual(await isActive(refresh), nowhere)
  await travel(0)
})

test('foreign, tampered, cut or unknown token, and any other text → inactive, in the same bytes', async t => {
  const { access, refresh, userId } = await anAccount(client)
  const key = generateKey()
  const secret = importSecret(key.paserkSecret)
  const life = { now: new Date(), ttlSeconds: 900 }
  const [kid] = (await client.get('/.well-known/paseto-keys')).body.keys.map(
    (each: { kid: string }) => each.kid,
  )
  const texts = [
    signToken({ kid: key.kid, secret }, claimsOf(access), life),
    signToken({ kid, secret }, claimsOf(access), life),
    `${access.slice(0, 60)}${access[60] === 'A' ? 'B' : 'A'}${access.slice(61)}`,
    withOtherEnd(access),
    ...[
      access.slice(0, -10),
      access.split('.').slice(0, 3).join('.'),
      `${access}.x`,
      ` ${access}`,
      `${access}=`,
    ],
    ...[withOtherEnd(refresh), refresh.slice(0, -8), `${refresh}A`],
    ...[
      'lkr_',
      'lkp_AZ2Vq1sZc3mXo7Rk9tYw4bNd',
      'v4.public.',
      'v4.local.AAAA',
      'eyJhbGciOiJub25lIn0.e30.',
      '.',
    ],
    ...['null', '{}', '\0', ' ', 'ä', '😀', '%', userId, gateway.id, gateway.secret, 'x'.repeat(5000), '-1'],
    'x'.repeat(15_000),
  ]
  for (const token of texts)
    for (const at of instances) {
      const { status, text } = await introspect(token, { at })
      t.deepEqual([status, text], [200, inactive], token.slice(0, 40))
    }
  t.deepEqual(await isActive(access), everywhere)
})

test('token_type_hint → only a hint: a wrong or unknown one changes no reply', async t => {
  const { access, refresh } = await anAccount(client)
  for (const token of [access, refresh, 'x'.repeat(40)]) {
    const { text } = await introspect(token)
    for (const token_type_hint of ['access_token', 'refresh_token', 'saml2_token', 'x'.repeat(300), '\0'])
      t.is((await introspect(token, { token_type_hint })).text, text)
  }
})

test('address not verified where that is required → inactive, as the routes of Latchkey refuse it', async t => {
  const strict = await world.instance({ REQUIRE_VERIFIED_EMAIL: 'true' })
  const { access, refresh, userId } = await anAccount(client)
  for (const token of [access, refresh]) {
    t.is((await introspect(token, { at: strict.client })).text, inactive)
    t.like((await introspect(token)).body, { active: true, email_verified: false })
  }
  await sql('UPDATE users SET email_verified = true WHERE id = $1', [userId])
  t.like((await introspect(access, { at: strict.client })).body, { active: true, email_verified: true })
  await strict.close()
})

test('client without the scope, revoked or with a wrong secret → 403 or 401, and nothing about the token', async t => {
  const { access } = await anAccount(client)
  const others = await aClient(world, 'revoke', 'introspect:all', 'users:read')
  const refused = await postForm(client, 'introspect', { token: access }, others)
  t.is(refused.status, 403)
  t.is(refused.body.error, 'insufficient_scope')
  t.regex(refused.headers.get('www-authenticate') ?? '', /scope="introspect"/)

  const revoked = await aClient(world, 'introspect')
  t.like((await postForm(client, 'introspect', { token: access }, revoked)).body, { active: true })
  await sql('UPDATE clients SET revoked_at = now() WHERE id = $1', [revoked.id])
  const wrong = { basic: `Basic ${Buffer.from(`${gateway.id}:${revoked.secret}`).toString('base64')}` }
  for (const each of [
    revoked,
    wrong,
    { basic: `Bearer ${access}` },
    { basic: `Bearer ${await machineToken(gateway)}` },
  ])
    for (const at of instances) {
      const { status, body, text } = await postForm(at, 'introspect', { token: access }, each)
      t.is(status, 401, text)
      t.is(body.error, 'invalid_client')
      t.false(text.includes('active'))
    }
})

test('request without a token, with two, by GET, as JSON or too large → an error of RFC 6749, and no echo', async t => {
  const { access } = await anAccount(client)
  const send = (body: string | undefined, type = 'application/x-www-form-urlencoded', method = 'POST') =>
    client.send(method, '/api/v1/oauth/introspect', {
      ...(body !== undefined && { body }),
      headers: { authorization: gateway.basic, ...(body !== undefined && { 'content-type': type }) },
    })
  const requests: [number, Parameters<typeof send>][] = [
    [400, [undefined]],
    [400, ['token=']],
    [400, ['token_type_hint=access_token']],
    [400, [`token=${access}&token=${access}`]],
    [400, [`token[a]=${access}`]],
    [400, [`token=%ff${access}`]],
    [415, [JSON.stringify({ token: access }), 'application/json']],
    [413, [`token=${'x'.repeat(17_000)}`]],
    [405, [undefined, undefined, 'GET']],
  ]
  for (const [status, args] of requests) {
    const reply = await send(...args)
    t.is(reply.status, status, reply.text)
    t.deepEqual(Object.keys(reply.body).sort(), ['error', 'error_description'])
    t.is(reply.body.error, 'invalid_request')
    t.false(reply.text.includes(access.slice(10, 60)))
  }
  t.is(
    (await send(`token=${access}&resource=x&unknown=1`)).body.active,
    true,
    'unknown parameters are ignored',
  )
})

test('too many requests of one client → 429 with Retry-After, and another client is not affected', async t => {
  const limited = await world.instance({ RATE_LIMITS: 'introspect=3/1m' })
  const { access } = await anAccount(client)
  const [busy, quiet] = [await aClient(world, 'introspect'), await aClient(world, 'introspect')]
  const statuses = []
  for (let i = 0; i < 4; i++)
    statuses.push((await postForm(limited.client, 'introspect', { token: access }, busy)).status)
  t.deepEqual(statuses, [200, 200, 200, 429])
  const refused = await postForm(limited.client, 'introspect', { token: access }, busy)
  t.is(typeof refused.body.error, 'string')
  t.true(Number(refused.headers.get('retry-after')) >= 1)
  t.is((await postForm(limited.client, 'introspect', { token: access }, quiet)).status, 200)
  await limited.close()
})

test('a log of introspection → no token, secret or address of a user', async t => {
  const { access, refresh, email } = await anAccount(client)
  const mark = await world.logMark()
  for (const token of [access, refresh, `${access}x`]) await introspect(token)
  const lines = (await world.logs(mark)).join('\n')
  t.true(lines.includes('/api/v1/oauth/introspect'))
  for (const secret of [access, refresh, gateway.secret, gateway.basic, email])
    t.false(lines.includes(secret))
})

test('token of a retired key → inactive at every instance within 5 s, and its session is alive', async t => {
  const { access, refresh } = await anAccount(client)
  const { kid } = JSON.parse(Buffer.from(access.split('.')[3] ?? '', 'base64url').toString())
  await commandInHost(world.env, ['keys', 'retire', kid], '')
  await until('every instance refuses the key', async () => (await isActive(access)).every(active => !active))
  t.deepEqual(await isActive(refresh), everywhere)
})
