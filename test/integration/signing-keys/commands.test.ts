import { userInfo } from 'node:os'
import anyTest from 'ava'
import { createVerifier } from '../../../packages/guard/src/verifier.ts'
import { anAccount } from '../../fixtures.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'
import { anAdmin } from '../admin/admin-account.ts'
import { runCommand } from '../cli/run-command.ts'

// `latchkey keys rotate` and `retire`, at two instances in two processes.

const test = anyTest.serial
const issuer = 'http://localhost:8000'
const world = await openWorld({ env: { PUBLIC_URL: issuer } })
const other = await world.instance()
anyTest.after.always(() => world[Symbol.asyncDispose]())

const { client, sql, env } = world
const keys = (...words: string[]) => runCommand(env, ['keys', ...words, '--json'])
const kidOf = (token: string): string =>
  JSON.parse(Buffer.from(token.split('.')[3] ?? '', 'base64url').toString()).kid
const status = async (kid: string) =>
  (await sql<{ status: string }>('SELECT status FROM signing_keys WHERE kid = $1', [kid]))[0]?.status
const operator = process.env.SUDO_USER || userInfo().username
const eventsOf = async (kid: string) =>
  (
    await sql<{ type: string; actor_id: null; user_agent: string; operator: string }>(
      `SELECT type, actor_id, user_agent, data ->> 'operator' AS operator FROM audit_events
        WHERE data ->> 'kid' = $1 ORDER BY created_at, id`,
      [kid],
    )
  ).map(event => {
    const { type, ...by } = event
    return { type: type.replace('signing_key.', ''), isByOperator: JSON.stringify(by) }
  })
const byOperator = JSON.stringify({ actor_id: null, user_agent: 'latchkey command', operator })
const recorded = (...types: string[]) => types.map(type => ({ type, isByOperator: byOperator }))
const minutesUntil = (time: string) => (Date.parse(time) - Date.now()) / 60_000

test('two operators rotate at once → one key is published, and signs 15 minutes later', async t => {
  const before = (await anAccount(client)).access
  const both = await Promise.all([keys('rotate'), keys('rotate')])
  t.deepEqual(
    both.map(({ code }) => code),
    [0, 0],
  )
  const [{ json }] = both as [(typeof both)[0], (typeof both)[0]]
  t.is(both[1]?.json.kid, json.kid)
  t.is(json.status, 'published')
  t.true(minutesUntil(json.not_before) > 13 && minutesUntil(json.not_before) <= 15.1, json.not_before)
  t.is((await sql('SELECT FROM signing_keys')).length, 2)
  t.deepEqual(await eventsOf(json.kid), recorded('published'))

  const again = await runCommand(env, ['keys', 'rotate'])
  t.regex(again.out, new RegExp(`^${json.kid} was published already\\. It signs from `))
  for (const each of [client, other.client])
    await until('every instance to publish the key', async () =>
      (await each.get('/.well-known/paseto-keys')).text.includes(json.kid),
    )
  t.is(kidOf((await anAccount(client)).access), kidOf(before))
  t.is(await world.run('rotateWhenDue'), 0)
  await world.travel(15 * 60_000)
  t.is(await world.run('rotateWhenDue'), 1)
  t.is(await status(json.kid), 'signing')
  await world.travel(0)
})

test('keys rotate --now → every instance, and a guard that knows the old keys, accept the next tokens', async t => {
  const fetchKeys: typeof fetch = (url, init) => fetch(String(url).replace(issuer, world.url), init)
  const guard = createVerifier({ issuer, fetch: fetchKeys })
  const old = await anAccount(client)
  t.is((await guard.verify(old.access)).sub, old.userId)
  const { code, json } = await keys('rotate', '--now')
  t.is(code, 0)
  t.is(json.status, 'signing')
  t.deepEqual(await eventsOf(json.kid), recorded('published', 'promoted'))
  const seen = new Set<string>()
  await until('both instances to sign with the new key', async () => {
    for (const each of [client, other.client]) {
      const { access } = await anAccount(each)
      for (const instance of [client, other.client])
        if ((await instance.get('me', { token: access })).status !== 200)
          throw new Error('a token was refused')
      t.is((await guard.verify(access)).iss, issuer)
      if (kidOf(access) === json.kid) seen.add(each === client ? 'first' : 'second')
    }
    return seen.size === 2
  })
  t.is((await other.client.get('me', { token: old.access })).status, 200)
})

test('keys retire, the key that signs → refused at every kind of route, and sessions continue', async t => {
  const admin = await anAdmin(world)
  const instances = [client, other.client]
  // Verified before, so that the answer is in the cache of verified tokens.
  for (const each of instances) t.is((await each.get('me', { token: admin.access })).status, 200)
  const kid = kidOf(admin.access)

  const { code, json } = await keys('retire', kid)
  t.is(code, 0)
  t.like(json, { kid, status: 'retired' })
  t.is(await status(json.signing_kid), 'signing')
  t.deepEqual(await eventsOf(kid).then(found => found.at(-1)), recorded('retired')[0])
  t.deepEqual(await eventsOf(json.signing_kid), recorded('published', 'promoted'))
  const [row] = await sql<{ sealed_secret: null }>('SELECT sealed_secret FROM signing_keys WHERE kid = $1', [
    kid,
  ])
  t.is(row?.sealed_secret, null)

  const { access: token } = admin
  for (const each of instances) {
    await until('the token to be refused', async () => (await each.get('me', { token })).status === 401)
    const refused = {
      bearer: await each.get('me', { token }),
      optional: await each.post('confirm-email', { token: 'x'.repeat(43) }, { token }),
      admin: await each.get('/api/v1/admin/users', { token }),
    }
    for (const [auth, { status, body }] of Object.entries(refused))
      t.deepEqual([status, body.code], [401, 'INVALID_TOKEN'], auth)
    // A logout with it answers like one with any unknown token, and ends nothing.
    t.is((await each.post('logout', {}, { token })).status, 204)
    t.false((await each.get('/.well-known/paseto-keys')).text.includes(kid))
  }
  const refreshed = await client.post('refresh', { refresh_token: admin.refresh })
  t.is(refreshed.status, 200)
  t.is(kidOf(refreshed.body.access_token), json.signing_kid)
  const { access_token } = refreshed.body
  for (const each of instances)
    t.is((await each.get('/api/v1/admin/users', { token: access_token })).status, 200)
})

test('keys retire, a key that waits → it never signs, and the next rotation publishes another', async t => {
  const { json } = await keys('rotate')
  const retired = await keys('retire', json.kid)
  t.is(retired.code, 0)
  t.is(await status(json.kid), 'retired')
  t.is(await status(retired.json.signing_kid), 'signing')
  await world.travel(16 * 60_000)
  await world.run('rotateWhenDue')
  await world.travel(0)
  t.is(await status(json.kid), 'retired')
  const next = await keys('rotate')
  t.not(next.json.kid, json.kid)
})

test('keys retire, a retired key → done, and no second event', async t => {
  const [{ kid }] = (await sql(`SELECT kid FROM signing_keys WHERE status = 'retired' LIMIT 1`)) as [
    { kid: string },
  ]
  const before = await eventsOf(kid)
  const { code, json } = await keys('retire', kid)
  t.is(code, 0)
  t.like(json, { kid, status: 'retired' })
  t.deepEqual(await eventsOf(kid), before)
})

test('keys retire, an unknown or malformed key → refused, and nothing changes', async t => {
  // Without `token_life`: each running process raises it within a second.
  const rows = () =>
    sql('SELECT kid, status, sealed_secret, not_before, not_after FROM signing_keys ORDER BY kid')
  const before = await rows()
  const unknown = await keys('retire', `k4.pid.${'A'.repeat(44)}`)
  t.deepEqual([unknown.code, unknown.json.error.code], [1, 'NOT_FOUND'])
  for (const word of ['signing', 'k4.pid.short', `k4.pid.${'A'.repeat(45)}`, `k4.pid.${'A'.repeat(43)}%`]) {
    const { code, err } = await keys('retire', word)
    t.is(code, 64, word)
    t.regex(err, /must be the id of a key/)
  }
  t.is((await keys('retire')).code, 64)
  t.is((await keys('rotate', 'now')).code, 64)
  t.deepEqual(await rows(), before)
})

test('keys --help → names every command', async t => {
  const { code, out } = await runCommand(env, ['keys', '--help'])
  t.is(code, 0)
  for (const line of [/keys list/, /keys rotate/, /keys retire <kid>/]) t.regex(out, line)
  t.regex((await runCommand(env, ['keys', 'rotate', '--help'])).out, /--now/)
})

test('metrics → the age of the key, and when the next one signs', async t => {
  await using measured = await openWorld({ env: { METRICS_PORT: '0' } })
  const gauge = async (name: string) =>
    Number(new RegExp(`^latchkey_${name} (.*)$`, 'm').exec(await measured.metrics())?.[1])
  const day = 86_400
  t.true((await gauge('signing_keys_unread_seconds')) < 60)
  const [age, due] = [await gauge('signing_key_age_seconds'), await gauge('signing_key_due_seconds')]
  t.true(Math.abs(due + age - 90 * day) < 60, `${due} + ${age}`)
  await runCommand(measured.env, ['keys', 'rotate'])
  await until('the new date', async () => (await gauge('signing_key_due_seconds')) < 15 * 60 + 1)
  await measured.travel(20 * 60_000)
  t.true((await gauge('signing_key_due_seconds')) < 0)
})
