import { randomUUID } from 'node:crypto'
import anyTest from 'ava'
import { type Account, anAccount, password } from '../../fixtures.ts'
import { anApp, totpOf } from '../../totp.ts'
import { openWorld } from '../../world.ts'
import { inTransaction, untilOneWaits } from '../postgres/held-transaction.ts'

// The list of a user's factors: renamed and removed by their owner alone, and changed only by a fresh session.

const test = anyTest.serial

const world = await openWorld()
const other = await world.instance()
anyTest.after.always(() => world[Symbol.asyncDispose]())
const { client, sql } = world

const minute = 60_000
const day = 24 * 60 * minute
const time = () => Date.now() + world.clock.shift
const listOf = async (token: string): Promise<Record<string, unknown>[]> =>
  (await client.get('factors', { token })).body.data
const remove = (token: string, id: unknown) => client.send('DELETE', `factors/${id}`, { token })
const newCodes = (token: string) => client.send('POST', 'factors/recovery-codes', { token })
const prove = (token: string, evidence: object) => client.post('reauthenticate', evidence, { token })
const codesIdOf = async (token: string) =>
  (await listOf(token)).find(({ type }) => type === 'recovery_codes')?.id
const eventsOf = ({ userId }: Account, type: string) =>
  sql<{ data: object; session_id: string }>(
    'SELECT data, session_id FROM audit_events WHERE user_id = $1 AND type = $2 ORDER BY id',
    [userId, type],
  )
const mailsOf = async ({ userId }: Account, kind: string) =>
  (
    await sql<{ data: { factor: string; factor_ids: string } }>(
      'SELECT data FROM emails WHERE user_id = $1 AND kind = $2 ORDER BY id',
      [userId, kind],
    )
  ).map(({ data }) => data)

/** A passkey, as if the user had registered it. */
const aPasskey = async ({ userId }: Account): Promise<string> => {
  const id = randomUUID()
  await sql(
    `INSERT INTO factors (id, user_id, type, name, credential_id, public_key, sign_count, transports, aaguid,
       user_verifying, backup_eligible, backed_up, confirmed_at)
     VALUES ($1::uuid, $2, 'passkey', 'Laptop', $1::text, 'AA', 0, '{internal}', $1::uuid, true, true, false, now())`,
    [id, userId],
  )
  return id
}

const anEnrolled = async () => {
  const account = await anAccount(client)
  return { account, ...(await anApp(client, account.access, time())) }
}

anyTest.afterEach(() => world.travel(0))

test('list → every factor in the form of its type, and no secret', async t => {
  const { account, id } = await anEnrolled()
  const passkeyId = await aPasskey(account)
  await client.send('POST', 'factors/totp', { token: account.access })
  const list = await listOf(account.access)
  const common = ['id', 'type', 'name', 'created_at', 'last_used_at']
  t.deepEqual(Object.fromEntries(list.map(each => [each.type, Object.keys(each)])), {
    totp: common,
    recovery_codes: [...common, 'remaining'],
    passkey: [...common, 'user_verifying', 'backed_up', 'transports', 'aaguid'],
  })
  t.like(
    list.find(each => each.type === 'totp'),
    { id, name: 'Authenticator app', last_used_at: null },
  )
  t.like(
    list.find(each => each.type === 'recovery_codes'),
    { name: 'Recovery codes', remaining: 10 },
  )
  t.like(
    list.find(each => each.type === 'passkey'),
    { id: passkeyId, backed_up: false, transports: ['internal'] },
  )
  t.deepEqual(await listOf((await anAccount(client)).access), [])
})

test('rename → 200 with the factor, and an event; recovery codes → 403', async t => {
  const { account, id } = await anEnrolled()
  const rename = (target: unknown, name: unknown) =>
    client.patch(`factors/${target}`, { name }, { token: account.access })
  const { status, body } = await rename(id, '  Père’s phone ')
  t.is(status, 200)
  t.like(body, { id, type: 'totp', name: 'Père’s phone' })
  t.deepEqual(
    body,
    (await listOf(account.access)).find(each => each.id === id),
  )
  t.deepEqual(
    (await eventsOf(account, 'factor.renamed')).map(({ data }) => data),
    [{ factor_id: id, before: { name: 'Authenticator app' }, after: { name: 'Père’s phone' } }],
  )
  for (const name of ['', ' ', 'a\nb', 'x'.repeat(101), 7]) t.is((await rename(id, name)).status, 400)
  t.is((await rename(await codesIdOf(account.access), 'Mine')).body.code, 'FORBIDDEN')
})

test('a factor of another user, a pending, a removed or an unknown one → 404, and nothing changes', async t => {
  const [victim, thief] = [await anEnrolled(), await anEnrolled()]
  const { access: token } = thief.account
  const { id: pending } = (await client.send('POST', 'factors/totp', { token })).body
  const second = await anApp(client, token, time())
  t.is((await remove(token, second.id)).status, 204)
  for (const id of [victim.id, await codesIdOf(victim.account.access), pending, second.id, randomUUID()]) {
    t.is((await remove(token, id)).body.code, 'NOT_FOUND')
    t.is((await client.patch(`factors/${id}`, { name: 'x' }, { token })).body.code, 'NOT_FOUND')
  }
  t.is((await remove(token, 'x')).status, 404)
  t.is((await listOf(victim.account.access)).length, 2)
})

test('the last other factor removed → recovery codes too, one email with both; a passkey left → they stay', async t => {
  const { account, id, secret } = await anEnrolled()
  const { access: token } = account
  const passkeyId = await aPasskey(account)
  const codesId = await codesIdOf(token)
  const forbidden = await remove(token, codesId)
  t.is(forbidden.status, 403, 'recovery codes cannot be removed alone')
  t.regex(forbidden.body.detail, /recovery-codes/)

  t.is((await remove(token, passkeyId)).status, 204)
  t.deepEqual((await listOf(token)).map(({ type }) => type).sort(), ['recovery_codes', 'totp'])
  t.is((await remove(token, id)).status, 204)
  t.deepEqual(await listOf(token), [])
  t.is((await prove(token, { code: totpOf(secret, time() + 30_000) })).status, 401)
  t.deepEqual(
    (await mailsOf(account, 'factor_removed')).map(({ factor, factor_ids }) => [factor, factor_ids]),
    [
      ['Laptop', passkeyId],
      ['Authenticator app', `${id} ${codesId}`],
    ],
  )
  const events = await eventsOf(account, 'factor.removed')
  t.deepEqual(events.at(-1), {
    data: { factor_id: id, before: { type: 'totp', name: 'Authenticator app' } },
    session_id: account.sessionId,
  })
  t.is((await client.post('login', { email: account.email, password })).status, 200)
  t.is(
    (await anApp(client, token, time())).recoveryCodes?.length,
    10,
    'the next first factor brings new codes',
  )
})

test('a factor removed → the other sessions end, and this one keeps its level', async t => {
  const { account, id } = await anEnrolled()
  const second = await anApp(client, account.access, time())
  const { body: waiting } = await client.post('login', { email: account.email, password })
  t.is(waiting.code, 'MFA_REQUIRED')
  const elsewhere = await sql<{ session_epoch: number }>('SELECT session_epoch FROM users WHERE id = $1', [
    account.userId,
  ])
  t.is((await remove(account.access, id)).status, 204)
  const after = await sql<{ session_epoch: number }>('SELECT session_epoch FROM users WHERE id = $1', [
    account.userId,
  ])
  t.is(after[0]?.session_epoch, (elsewhere[0]?.session_epoch ?? 0) + 1)
  t.is((await remove(account.access, second.id)).status, 204, 'still fresh and of two factors')
})

test('three simultaneous removals at two instances → 204, 404, 404, and the session stays active', async t => {
  const { account } = await anEnrolled()
  const id = await aPasskey(account)
  const clients = [client, other.client, client]
  const removals = clients.map(each => each.send('DELETE', `factors/${id}`, { token: account.access }))
  const statuses = (await Promise.all(removals)).map(({ status }) => status)
  t.deepEqual(statuses.sort(), [204, 404, 404])
  t.is((await client.get('me', { token: account.access })).status, 200)
})

test('new recovery codes → the old ones stop working; an event, and an email that can undo them', async t => {
  const { account, recoveryCodes } = await anEnrolled()
  const { access: token } = account
  const { status, body, headers } = await newCodes(token)
  t.is(status, 200)
  t.is(headers.get('cache-control'), 'no-store')
  t.is(new Set([...body.recovery_codes, ...(recoveryCodes ?? [])]).size, 20)
  t.is((await prove(token, { recovery_code: recoveryCodes?.[0] })).status, 401)
  t.is((await prove(token, { recovery_code: body.recovery_codes[0] })).status, 200)
  const id = await codesIdOf(token)
  t.is((await mailsOf(account, 'factor_added')).at(-1)?.factor_ids, id as never)
  t.deepEqual(
    (await eventsOf(account, 'recovery_codes.replaced')).map(({ data }) => data),
    [{ factor_id: id }],
  )
  t.like(
    (await listOf(token)).find(each => each.id === id),
    { remaining: 9 },
  )
  const rows = JSON.stringify(await sql('SELECT * FROM recovery_codes JOIN factors ON id = factor_id'))
  for (const code of body.recovery_codes)
    t.false(rows.includes(code.replaceAll('-', '')) || rows.includes(code))

  const replies = await Promise.all(
    Array.from({ length: 4 }, (_, i) =>
      (i % 2 ? client : other.client).send('POST', 'factors/recovery-codes', { token }),
    ),
  )
  t.true(replies.every(reply => reply.status === 200))
  t.is((await listOf(token)).filter(({ type }) => type === 'recovery_codes').length, 1, 'at once')
})

test('new recovery codes of a user without another factor → 403', async t => {
  const { access } = await anAccount(client)
  t.is((await newCodes(access)).body.code, 'MFA_ENROLLMENT_REQUIRED')
})

test('a thief with a session that is not fresh → 401 on each change, and nothing changes', async t => {
  const { account, id } = await anEnrolled()
  await world.travel(11 * minute)
  const before = await sql('SELECT * FROM factors ORDER BY id')
  for (const reply of [
    await client.send('POST', 'factors/totp', { token: account.access }),
    await newCodes(account.access),
    await remove(account.access, id),
  ]) {
    t.is(reply.status, 401)
    t.is(reply.body.code, 'REAUTHENTICATION_REQUIRED')
  }
  t.deepEqual(await sql('SELECT * FROM factors ORDER BY id'), before)
})

test('export → the factors without secrets; erasure → their rows are gone', async t => {
  const { account, secret } = await anEnrolled()
  const { body, text } = await client.get('me/export', { token: account.access })
  t.deepEqual(body.factors, await listOf(account.access))
  t.false(text.includes(secret) || text.includes('sealed'))
  await client.send('DELETE', 'me', { token: account.access, body: { password } })
  await sql(`UPDATE users SET erase_after = now() - interval '1 day' WHERE id = $1`, [account.userId])
  t.is(await world.run('eraseAccounts'), 1)
  const left = 'SELECT 1 FROM users WHERE id = $1 UNION ALL SELECT 1 FROM factors WHERE user_id = $1'
  t.deepEqual(await sql(left, [account.userId]), [])
  t.deepEqual(
    await sql('SELECT 1 FROM recovery_codes LEFT JOIN factors ON id = factor_id WHERE id IS NULL'),
    [],
  )
})

test('removed 8 days ago, or not confirmed for an hour → deleted; others → kept', async t => {
  const { account, id } = await anEnrolled()
  const { access: token } = account
  const kept = await anApp(client, token, time())
  t.is((await remove(token, id)).status, 204)
  const { id: pending } = (await client.send('POST', 'factors/totp', { token })).body
  const rest = async () =>
    (await sql<{ id: string }>('SELECT id FROM factors WHERE user_id = $1', [account.userId])).map(
      row => row.id,
    )
  t.is((await rest()).length, 4)
  await world.travel(59 * minute)
  await world.run('purgeFactors')
  t.is((await rest()).length, 4)
  await world.travel(61 * minute)
  await world.run('purgeFactors')
  t.false((await rest()).includes(pending))
  await world.travel(8 * day - minute)
  await world.run('purgeFactors')
  t.true((await rest()).includes(id))
  await world.travel(8 * day + minute)
  await world.run('purgeFactors')
  const left = await rest()
  t.false(left.includes(id))
  t.true(left.includes(kept.id))
  t.is(left.length, 2)
})

test('a request holds the row of a user → the purge skips that user and does not wait', async t => {
  const { account } = await anEnrolled()
  await client.send('POST', 'factors/totp', { token: account.access })
  await world.travel(61 * minute)
  await inTransaction(world, async query => {
    await query('SELECT FROM users WHERE id = $1 FOR UPDATE', [account.userId])
    t.is(await world.run('purgeFactors'), 0)
  })
  t.is(await world.run('purgeFactors'), 1)
})

test('two transactions add factors to one user without a lock → sign-ins know both', async t => {
  const { userId } = await anAccount(client)
  const insert = (type: string) =>
    `INSERT INTO factors (id, user_id, type, name, confirmed_at)
     VALUES ('${randomUUID()}', '${userId}', '${type}', 'Phone', now())`
  const second = await inTransaction(world, async query => {
    await query(insert('totp'))
    const inserted = sql(insert('passkey'))
    await untilOneWaits(world)
    return { inserted }
  })
  await second.inserted
  const user = await sql('SELECT factor_types FROM users WHERE id = $1', [userId])
  t.deepEqual(user, [{ factor_types: ['passkey', 'totp'] }])
})
