import anyTest from 'ava'
import { anAccount, password } from '../../fixtures.ts'
import { testSecret } from '../../template.ts'
import { anApp, seedOf, totpOf, wrongCodeAt } from '../../totp.ts'
import { openWorld } from '../../world.ts'
import { newSecret } from '../app-secret/secret-lists.ts'
import { readPostgres, readRedis } from '../secrecy/stored-data.ts'

// Authenticator apps: their seed is shown once, nothing changes before the first code, and each code passes once.

const test = anyTest.serial

const world = await openWorld({ env: { APP_SECRET: `${testSecret},${newSecret}` } })
const other = await world.instance({ APP_SECRET: `${newSecret},${testSecret}` })
anyTest.after.always(() => world[Symbol.asyncDispose]())
const { client, sql } = world

const step = 30_000
const minute = 60_000
const time = () => Date.now() + world.clock.shift
const start = (token: string, at = client) => at.send('POST', 'factors/totp', { token })
const confirm = (token: string, code: string, name?: string) =>
  client.post('factors/totp/confirm', { code, ...(name && { name }) }, { token })
const prove = (token: string, code: string, at = client) => at.post('reauthenticate', { code }, { token })
const wrongFor = (secret: string) => wrongCodeAt(secret, time())
const claimsOf = (token: string) =>
  JSON.parse(
    Buffer.from(token.split('.')[2] ?? '', 'base64url')
      .subarray(0, -64)
      .toString(),
  )
const rowsOf = (userId: string) =>
  sql<{ id: string; name: string; sealed_secret: string; confirmed_at: Date | null; last_step: string }>(
    'SELECT * FROM factors WHERE user_id = $1 ORDER BY created_at, id',
    [userId],
  )

anyTest.afterEach(() => world.travel(0))

test('a new app → its seed is shown once, is sealed in Postgres, and gates nothing before its first code', async t => {
  const { email, access, userId } = await anAccount(client)
  const { status, body, headers } = await start(access)
  t.is(status, 201)
  t.is(headers.get('cache-control'), 'no-store')
  t.deepEqual(Object.keys(body).sort(), ['id', 'otpauth_uri', 'qr_svg', 'secret'])
  t.regex(body.secret, /^[A-Z2-7]{32}$/)
  t.is(
    body.otpauth_uri,
    `otpauth://totp/Latchkey:${encodeURIComponent(email)}?issuer=Latchkey&secret=${body.secret}&algorithm=SHA1&digits=6&period=30`,
  )
  t.regex(body.qr_svg, /^<svg /)
  const rows = await rowsOf(userId)
  t.is(rows.length, 1)
  t.regex(rows[0]?.sealed_secret ?? '', /^v2\./)
  t.false(JSON.stringify([rows, await world.logs()]).includes(body.secret))
  t.deepEqual((await client.get('factors', { token: access })).body, { data: [] })
  t.is((await client.post('login', { email, password })).status, 200)
  t.is((await prove(access, totpOf(body.secret, time()))).status, 401)
})

test('Postgres, Redis and logs → no seed and no recovery code, before and after their use', async t => {
  const { access } = await anAccount(client)
  const pending = (await start(access)).body.secret
  const { secret, recoveryCodes } = await anApp(client, access, time())
  await prove(access, totpOf(secret, time() + step))
  for (const recovery_code of recoveryCodes?.slice(0, 2) ?? [])
    t.is((await client.post('reauthenticate', { recovery_code }, { token: access })).status, 200)
  const secrets = [pending, secret, ...(recoveryCodes ?? [])].flatMap(text => {
    const bytes = text.length === 32 ? seedOf(text) : Buffer.from(text.replaceAll('-', ''))
    return [text, ...(['latin1', 'hex', 'base64', 'base64url'] as const).map(form => bytes.toString(form))]
  })
  const stored = [await readPostgres(world), await readRedis(world), await world.logs()]
  for (const text of stored.map(each => JSON.stringify(each))) {
    t.true(text.length > 1000)
    for (const each of secrets) t.false(text.includes(each), each)
  }
})

test('asked for again → only the seed of the last reply can be confirmed', async t => {
  const { access, userId } = await anAccount(client)
  const [first, second] = [(await start(access)).body, (await start(access)).body]
  t.not(first.secret, second.secret)
  t.is((await rowsOf(userId)).length, 1)
  const refused = await confirm(access, totpOf(first.secret, time()))
  t.is(refused.status, 401)
  t.is(refused.body.code, 'INVALID_MFA_CODE')
  t.is((await confirm(access, totpOf(second.secret, time()))).status, 200)
})

test('first app → ten recovery codes, this session becomes aal2, other sessions end; second app → none', async t => {
  const account = await anAccount(client)
  const { body: elsewhere } = await client.post('login', { email: account.email, password })
  await world.travel(5 * minute)
  const { secret, id } = (await start(account.access)).body
  const { status, body } = await confirm(account.access, totpOf(secret, time()), 'My phone')
  t.is(status, 200)
  t.like(body.factor, { id, type: 'totp', name: 'My phone', last_used_at: null })
  t.is(new Set(body.recovery_codes).size, 10)
  for (const code of body.recovery_codes) t.regex(code, /^[0-9a-z]{5}(-[0-9a-z]{5}){2}$/)

  t.is((await client.get('me', { token: elsewhere.access_token })).body.code, 'SESSION_REVOKED')
  t.is((await client.post('refresh', { refresh_token: elsewhere.refresh_token })).status, 401)
  t.is((await client.get('me', { token: account.access })).status, 200)
  const { body: refreshed } = await client.post('refresh', { refresh_token: account.refresh })
  const claims = claimsOf(refreshed.access_token)
  t.is(claims.acr, 'aal2')
  t.deepEqual(claims.amr.toSorted(), ['mfa', 'otp', 'pwd'])
  t.true(Math.abs(Date.parse(claims.auth_time) - time()) < minute)

  const { body: again } = await client.post('refresh', { refresh_token: refreshed.refresh_token })
  t.deepEqual(
    { ...claimsOf(again.access_token), iat: 0, exp: 0 },
    { ...claims, iat: 0, exp: 0 },
    'a refresh keeps acr, amr and auth_time',
  )
  const second = await anApp(client, again.access_token, time())
  t.is(second.recoveryCodes, null)
  t.is((await client.get('factors', { token: account.access })).body.data.length, 3)
  const [mail] = await sql<{ data: { factor: string; factor_ids: string } }>(
    `SELECT data FROM emails WHERE recipient = $1 AND kind = 'factor_added' ORDER BY id LIMIT 1`,
    [account.email],
  )
  t.is(mail?.data.factor, 'My phone')
  t.is(mail?.data.factor_ids.split(' ').length, 2, 'the app and the recovery codes')
})

test('the confirming code, an older one, one of another time → 401; the next → 200 once, with spaces too', async t => {
  const { access } = await anAccount(client)
  const from = time()
  const { secret } = await anApp(client, access, from)
  for (const shift of [0, -1, -2, 2, 3]) {
    const refused = await prove(access, totpOf(secret, from + shift * step))
    t.is(refused.body.code, 'INVALID_MFA_CODE', `step ${shift}`)
  }
  const next = totpOf(secret, from + step)
  t.is((await prove(access, `${next.slice(0, 3)} ${next.slice(3)}`)).status, 200)
  t.is((await prove(access, next, other.client)).status, 401, 'used up at every instance')
  t.is((await prove(access, totpOf(secret, from))).status, 401, 'older than the last one')
  await world.travel(2 * step)
  t.is((await prove(access, totpOf(secret, from + 2 * step))).status, 200)
  const { data } = (await client.get('factors', { token: access })).body
  t.not(data.find(({ type }: { type: string }) => type === 'totp').last_used_at, null)
})

test('one code sent 10 times at once to two instances → accepted once; so is one recovery code', async t => {
  const { access, userId } = await anAccount(client)
  const { secret, recoveryCodes } = await anApp(client, access, time())
  await Promise.all([world.warm(), other.warm()])
  for (const evidence of [
    { code: totpOf(secret, time() + step) },
    { recovery_code: recoveryCodes?.[0]?.toUpperCase() },
  ]) {
    const replies = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        (i % 2 ? client : other.client).post('reauthenticate', evidence, { token: access }),
      ),
    )
    t.is(replies.filter(({ status }) => status === 200).length, 1, JSON.stringify(evidence))
  }
  t.is(
    (await client.post('reauthenticate', { recovery_code: recoveryCodes?.[0] }, { token: access })).status,
    401,
  )
  const spoken = recoveryCodes?.[1]?.replaceAll('-', ' ').replaceAll('0', 'o')
  t.is((await client.post('reauthenticate', { recovery_code: spoken }, { token: access })).status, 200)
  const mails = await sql<{ data: { remaining: string } }>(
    `SELECT data FROM emails WHERE user_id = $1 AND kind = 'recovery_code_used' ORDER BY id`,
    [userId],
  )
  t.deepEqual(
    mails.map(({ data }) => data.remaining),
    ['9', '8'],
  )
  const events = await sql<{ data: { remaining: number } }>(
    `SELECT data FROM audit_events WHERE user_id = $1 AND type = 'recovery_code.used' ORDER BY id`,
    [userId],
  )
  t.deepEqual(
    events.map(({ data }) => data.remaining),
    [9, 8],
  )
})

test('every app of a user → its codes pass', async t => {
  const { access } = await anAccount(client)
  const apps = [await anApp(client, access, time()), await anApp(client, access, time())]
  for (const { secret } of apps) t.is((await prove(access, totpOf(secret, time() + step))).status, 200)
})

test('no app to confirm, one that is 10 minutes old, one of another session → 404', async t => {
  const account = await anAccount(client)
  const isMissing = async (token: string, code: string) =>
    (await confirm(token, code)).body.code === 'NOT_FOUND'
  t.true(await isMissing(account.access, '123456'))
  const { secret } = (await start(account.access)).body
  const { body: elsewhere } = await client.post('login', { email: account.email, password })
  t.true(await isMissing(elsewhere.access_token, totpOf(secret, time())), 'another session')
  await world.travel(10 * minute + 1000)
  t.true(await isMissing(account.access, totpOf(secret, time())), 'too old')
})

test('five wrong codes for a new app, also with RATE_LIMITS=off → the right one gets 404', async t => {
  const { access } = await anAccount(client)
  const { secret } = (await start(access)).body
  const wrong = wrongFor(secret)
  const replies = await Promise.all(Array.from({ length: 8 }, () => confirm(access, wrong)))
  const codes = replies.map(({ body }) => body.code)
  t.is(codes.filter(code => code === 'INVALID_MFA_CODE').length, 5)
  t.is(codes.filter(code => code === 'NOT_FOUND').length, 3)
  const refused = (await confirm(access, totpOf(secret, time()))).body
  t.is(refused.code, 'NOT_FOUND')
  t.regex(refused.detail ?? '', /Begin again with `POST \/api\/v1\/auth\/factors\/totp`/)
})

test('a sixth app → 409, though five requests confirm at once', async t => {
  const { access, userId } = await anAccount(client)
  const { secret } = (await start(access)).body
  const same = await Promise.all(Array.from({ length: 4 }, () => confirm(access, totpOf(secret, time()))))
  t.is(same.filter(({ status }) => status === 200).length, 1)
  t.is((await rowsOf(userId)).length, 2, 'one app, one list of recovery codes')
  for (let i = 0; i < 4; i++) await anApp(client, access, time())
  const sixth = await start(access)
  t.is(sixth.status, 409)
  t.is(sixth.body.code, 'FACTOR_LIMIT_REACHED')
})

test('APP_SECRET changes → seeds and recovery codes are sealed anew and still work', async t => {
  const { access, userId } = await anAccount(client)
  const { secret, recoveryCodes } = await anApp(client, access, time())
  const sealed = async () => (await rowsOf(userId)).map(row => row.sealed_secret)
  const before = await sealed()
  t.true((await other.run('resealRows')) >= 2)
  const after = await sealed()
  t.is(after.length, 2)
  t.false(after.some(text => before.includes(text)))
  const onlyNew = await world.instance({ APP_SECRET: newSecret })
  t.is((await onlyNew.client.post('login', { email: 'unknown@example.com', password })).status, 401)
  t.is((await prove(access, totpOf(secret, time() + step), onlyNew.client)).status, 200)
  const code = { recovery_code: recoveryCodes?.[0] }
  t.is((await onlyNew.client.post('reauthenticate', code, { token: access })).status, 200)
  await onlyNew.close()
})

test('codes of another form → 400 without an echo', async t => {
  const { access } = await anAccount(client)
  for (const body of [
    {},
    { code: 123456 },
    { code: '12345' },
    { code: 'canary' },
    { code: '123456', name: 'a\0b' },
  ]) {
    const reply = await client.post('factors/totp/confirm', body, { token: access })
    t.is(reply.status, 400, JSON.stringify(body))
    t.false(reply.text.includes('canary'))
  }
})
