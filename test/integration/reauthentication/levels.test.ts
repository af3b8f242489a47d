import anyTest from 'ava'
import type { Reply } from '../../client.ts'
import { type Account, anAccount, anEmail, password } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import { adminActions, anAdmin } from '../admin/admin-account.ts'
import { challengeOf, claimsOf, giveFactors } from './second-factor.ts'

// A session of a user with a second factor is fresh only with that factor. A thief of the password and of a session gets no
// further than reading.

const test = anyTest.serial

const world = await openWorld()
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())

const { client, sql } = world
const minute = 60_000
const newPassword = 'another horse 10'

const wait = (milliseconds: number) => world.travel(world.clock.shift + milliseconds)
const reauthenticate = (token: string, body: unknown, at = client) =>
  at.post('reauthenticate', body, { token })
const eventsOf = async ({ userId }: Account) =>
  sql<{ type: string; data: unknown }>('SELECT type, data FROM audit_events WHERE user_id = $1 ORDER BY id', [
    userId,
  ])

const isRefusal = ({ status, body, headers }: Reply, wanted: Record<string, string>): boolean =>
  status === 401 &&
  body.code === 'REAUTHENTICATION_REQUIRED' &&
  headers.get('www-authenticate') === challengeOf(wanted)

const both = { max_age: '600', acr_values: 'aal2' }

/** The routes that ask for the password, and the export. */
const sensitive = ({ access: token }: Pick<Account, 'access'>): Record<string, () => Promise<Reply>> => ({
  export: () => client.get('me/export', { token }),
  email: () => client.post('change-email', { current_password: password, new_email: anEmail() }, { token }),
  password: () =>
    client.post('change-password', { current_password: password, new_password: newPassword }, { token }),
  deletion: () => client.send('DELETE', 'me', { body: { password }, token }),
})

test('a session of one factor, its user has two → a fresh route asks for both, once', async t => {
  const ada = await anAdmin(world)
  const { userId } = await anAccount(client)
  const { change, read } = adminActions(client, ada.access)
  t.is((await change(userId, { is_active: true })).status, 200)
  const { nextCode } = await giveFactors(world, ada)
  t.true(isRefusal(await change(userId, { is_active: true }), both), 'it signed in just now, by password')
  t.is((await read(userId)).status, 200, 'reading needs no fresh session')

  await wait(11 * minute)
  const from = Date.now() + world.clock.shift
  const { status, body } = await reauthenticate(ada.access, { code: nextCode() })
  t.is(status, 200)
  t.deepEqual(Object.keys(body).sort(), ['access_token', 'expires_in', 'token_type'])
  const claims = claimsOf(body.access_token)
  t.like(claims, { amr: ['pwd', 'otp', 'mfa'], acr: 'aal2', sid: ada.sessionId })
  t.true(Date.parse(claims.auth_time) >= from)
  for (const token of [body.access_token, ada.access])
    for (const at of [client, other.client])
      t.is((await adminActions(at, token).change(userId, { is_active: true })).status, 200)
  t.is((await client.get('check', { token: ada.access })).headers.get('x-auth-acr'), 'aal2')
  const refreshed = await client.post('refresh', { refresh_token: ada.refresh })
  t.like(claimsOf(refreshed.body.access_token), { acr: 'aal2', auth_time: claims.auth_time })
  const [latest] = (await eventsOf(ada)).slice(-1)
  t.deepEqual(latest, { type: 'user.reauthenticated', data: { amr: ['otp'] } })

  await wait(11 * minute)
  const late = adminActions(client, refreshed.body.access_token)
  t.true(isRefusal(await late.change(userId, { is_active: true }), both), 'the level stays')
  t.is((await reauthenticate(refreshed.body.access_token, { code: nextCode() })).status, 200)
  t.is((await late.change(userId, { is_active: true })).status, 200)
})

test('the password of a user with a factor → 403 MFA_REQUIRED with methods alone, right or wrong', async t => {
  const ada = await anAccount(client)
  await giveFactors(world, ada)
  const before = (await eventsOf(ada)).length
  const replies = []
  for (const sent of [password, 'wrong horse 9'])
    replies.push(await reauthenticate(ada.access, { password: sent }))
  for (const { status, body } of replies) {
    const { type, title, request_id, ...rest } = body
    t.is(status, 403)
    t.deepEqual(rest, { status: 403, code: 'MFA_REQUIRED', methods: ['totp', 'recovery_code'] })
  }
  t.is((await eventsOf(ada)).length, before, 'it was not compared')
})

test('the password and an aal1 session at a sensitive route → 401 for a user with a factor', async t => {
  for (const name of ['export', 'email', 'password', 'deletion']) {
    const [ada, bob] = [await anAccount(client), await anAccount(client)]
    const { nextCode } = await giveFactors(world, ada)
    const [act, actOfBob] = [sensitive(ada)[name], sensitive(bob)[name]]
    if (!act || !actOfBob) return t.fail(name)
    t.true(isRefusal(await act(), both), name)
    t.is((await reauthenticate(ada.access, { code: nextCode() })).status, 200)
    await wait(11 * minute)
    t.true(isRefusal(await act(), both), `${name}: stale`)
    t.true((await actOfBob()).status < 300, `${name}: stale, but without a factor`)
    t.is((await reauthenticate(ada.access, { code: nextCode() })).status, 200)
    const done = await act()
    t.true(done.status < 300, `${name}: ${done.text}`)
    if (name === 'password')
      t.like(claimsOf(done.body.access_token), { amr: ['pwd', 'otp', 'mfa'], acr: 'aal2' })
  }
})

test('one code, sent by six requests at two instances → one is accepted, and five are audited', async t => {
  const ada = await anAccount(client)
  const { nextCode, recoveryCodes } = await giveFactors(world, ada)
  const recovery_code = recoveryCodes[0]
  for (const evidence of [{ code: nextCode() }, { recovery_code }]) {
    const before = (await eventsOf(ada)).length
    const replies = await Promise.all(
      Array.from({ length: 6 }, (_, i) =>
        reauthenticate(ada.access, evidence, [client, other.client][i % 2]),
      ),
    )
    const accepted = replies.filter(({ status }) => status === 200)
    t.is(accepted.length, 1, JSON.stringify(replies.map(({ body }) => body)))
    for (const { status, body } of replies.filter(({ status }) => status !== 200))
      t.deepEqual([status, body.code], [401, 'INVALID_MFA_CODE'])
    const events = (await eventsOf(ada)).slice(before).map(({ type }) => type)
    t.is(events.filter(type => type === 'user.reauthenticated').length, 1)
    t.is(events.filter(type => type === 'factor.refused').length, 5)
  }
  t.is((await reauthenticate(ada.access, { recovery_code })).status, 401)
  const mails = await sql(`SELECT 1 FROM emails WHERE kind = 'recovery_code_used' AND user_id = $1`, [
    ada.userId,
  ])
  t.is(mails.length, 1)
})

test('wrong codes → 401, then a wait for this session alone, although rate limits are off', async t => {
  const ada = await anAccount(client)
  const { nextCode, wrongCode } = await giveFactors(world, ada)
  for (let i = 0; i < 10; i++) {
    const reply = await reauthenticate(ada.access, { code: wrongCode() })
    t.deepEqual([reply.status, reply.body.code], [401, 'INVALID_MFA_CODE'])
    if (i === 0) t.is((await client.get('me', { token: ada.access })).status, 200, 'the session stays')
  }
  const waiting = await reauthenticate(ada.access, { code: nextCode() })
  t.is(waiting.status, 429, 'the right code too')
  t.true(Number(waiting.headers.get('retry-after')) > 0)
  t.is((await eventsOf(ada)).filter(({ type }) => type === 'factor.refused').length, 10)
  await wait(31_000)
  t.is((await reauthenticate(ada.access, { code: nextCode() })).status, 200)
  t.is((await reauthenticate(ada.access, { code: wrongCode() })).status, 401, 'the count began again')
})

test('a code of a user without a factor, or of another user → 401 INVALID_MFA_CODE', async t => {
  const [ada, bob] = [await anAccount(client), await anAccount(client)]
  const { nextCode, recoveryCodes } = await giveFactors(world, bob)
  for (const evidence of [{ code: nextCode() }, { recovery_code: recoveryCodes[0] }])
    t.is((await reauthenticate(ada.access, evidence)).body.code, 'INVALID_MFA_CODE')
  t.is((await reauthenticate(ada.access, { password })).status, 200)
})
