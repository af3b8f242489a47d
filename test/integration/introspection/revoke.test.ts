import anyTest from 'ava'
import type { Account } from '../../fixtures.ts'
import { anAccount, password } from '../../fixtures.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'
import { readFeed } from '../revocations/feed-reader.ts'
import { aClient, postForm } from './a-client.ts'

// Revocation (RFC 7009): a machine client ends the session of a token.

const test = anyTest.serial

const orders = 'https://orders.example.com'
const world = await openWorld({ env: { AUDIENCES: orders } })
const other = await world.instance()
const gateway = await aClient(world, 'revoke')
anyTest.after.always(() => world[Symbol.asyncDispose]())

const { client, sql, travel } = world

const revoke = (token: string, more: Record<string, string> = {}) =>
  postForm(client, 'revoke', { token, ...more }, gateway)

const isAlive = async ({ refresh }: Pick<Account, 'refresh'>): Promise<boolean> =>
  (await other.client.post('refresh', { refresh_token: refresh })).status === 200

const tokens: Record<string, (account: Account) => Promise<string>> = {
  'an access token': async ({ access }) => access,
  'a refresh token': async ({ refresh }) => refresh,
  'an access token for another service': async ({ refresh }) =>
    (await client.post('refresh', { refresh_token: refresh, audience: orders })).body.access_token,
  'an expired access token': async ({ access }) => {
    await travel(20 * 60_000)
    return access
  },
  'a refresh token that was exchanged': async ({ refresh }) => {
    await client.post('refresh', { refresh_token: refresh })
    return refresh
  },
}

for (const [what, tokenOf] of Object.entries(tokens))
  test(`${what} → its session ends at every instance, and no other session of the user`, async t => {
    const account = await anAccount(client)
    const { email, sessionId, userId } = account
    const bystander = (await client.post('login', { email, password })).body
    const token = await tokenOf(account)
    const reply = await revoke(token)
    t.is(reply.status, 200)
    t.is(reply.text, '')
    await travel(0)
    t.is((await other.client.get('me', { token: account.access })).body.code, 'SESSION_REVOKED')
    t.false(await isAlive(account))
    t.is((await other.client.get('me', { token: bystander.access_token })).status, 200)
    t.true(await isAlive({ refresh: bystander.refresh_token }))

    const again = await revoke(token)
    t.deepEqual([again.status, again.text], [200, ''])
    const events = await sql(
      `SELECT type, user_id, actor_id, actor_client_id, session_id FROM audit_events
        WHERE user_id = $1 AND type LIKE 'session%'`,
      [userId],
    )
    t.deepEqual(events, [
      {
        ...{ type: 'session.ended', user_id: userId, session_id: sessionId },
        ...{ actor_id: null, actor_client_id: gateway.id },
      },
    ])
  })

test('revoked session → in the feed that offline verifiers read', async t => {
  const { access, sessionId } = await anAccount(client)
  t.is((await revoke(access)).status, 200)
  await until('the feed lists it', async () => (await readFeed(other.client)).sessions.includes(sessionId))
  t.pass()
})

test('unknown, malformed or foreign token → 200 with an empty body, and no session ends', async t => {
  const account = await anAccount(client)
  const { access } = account
  const tampered = `${access.slice(0, 60)}${access[60] === 'A' ? 'B' : 'A'}${access.slice(61)}`
  for (const token of [tampered, access.slice(0, -9), 'lkr_', 'x', 'x'.repeat(15_000), '\0', account.userId])
    for (const token_type_hint of ['access_token', 'refresh_token', 'unknown']) {
      const { status, text } = await revoke(token, { token_type_hint })
      t.deepEqual([status, text], [200, ''], token.slice(0, 40))
    }
  t.true(await isAlive(account))
})

test('wrong token_type_hint → the session ends all the same', async t => {
  const [first, second] = [await anAccount(client), await anAccount(client)]
  t.is((await revoke(first.access, { token_type_hint: 'refresh_token' })).status, 200)
  t.is((await revoke(second.refresh, { token_type_hint: 'access_token' })).status, 200)
  t.false(await isAlive(first))
  t.false(await isAlive(second))
})

test('token of a machine client, also an expired one → 400 unsupported_token_type', async t => {
  const machine = await aClient(world, 'orders:read')
  const { body } = await postForm(client, 'token', { grant_type: 'client_credentials' }, machine)
  for (const shift of [0, 20 * 60_000]) {
    await travel(shift)
    const refused = await revoke(body.access_token)
    t.is(refused.status, 400)
    t.is(refused.body.error, 'unsupported_token_type')
  }
  await travel(0)
})

test('client without the scope revoke, or a wrong secret → 403 or 401, and the session continues', async t => {
  const account = await anAccount(client)
  const reader = await aClient(world, 'introspect', 'users:write')
  const refused = await postForm(client, 'revoke', { token: account.access }, reader)
  t.is(refused.status, 403)
  t.is(refused.body.error, 'insufficient_scope')
  const wrong = { basic: `Basic ${Buffer.from(`${gateway.id}:${reader.secret}`).toString('base64')}` }
  t.is((await postForm(client, 'revoke', { token: account.access }, wrong)).body.error, 'invalid_client')
  t.true(await isAlive(account))
})

test('request without a token or with two → 400, and no session ends', async t => {
  const account = await anAccount(client)
  for (const body of [undefined, 'token=', `token=${account.access}&token=x`]) {
    const { status, body: error } = await client.send('POST', '/api/v1/oauth/revoke', {
      ...(body !== undefined && { body }),
      headers: {
        authorization: gateway.basic,
        ...(body !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
      },
    })
    t.deepEqual([status, error.error], [400, 'invalid_request'])
  }
  t.true(await isAlive(account))
})

test('simultaneous revocations at two instances → 200 each, and one audit event', async t => {
  const account = await anAccount(client)
  const replies = await Promise.all(
    Array.from({ length: 10 }, (_, i) =>
      postForm(i % 2 ? client : other.client, 'revoke', { token: account.access }, gateway),
    ),
  )
  t.deepEqual([...new Set(replies.map(({ status }) => status))], [200])
  const events = await sql(`SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'session.ended'`, [
    account.userId,
  ])
  t.is(events.length, 1)
})
