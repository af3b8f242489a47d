import anyTest from 'ava'
import { anAccount, anEmail, password, tokenOf } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import { waitForLink } from '../email-change/change-email.ts'

// REQUIRE_VERIFIED_EMAIL or REGISTRATION_PRIVACY is switched on while users with an unverified address are signed in.
// Their sessions are blocked until the address is verified, and continue then.

const test = anyTest.serial

const world = await openWorld({ worker: true })
const { client } = world
const modes = ['REQUIRE_VERIFIED_EMAIL', 'REGISTRATION_PRIVACY']
const strict = await Promise.all(modes.map(mode => world.instance({ [mode]: 'true' })))
anyTest.after.always(() => world[Symbol.asyncDispose]())

const verify = async (email: string) => {
  const { link } = await world.mails.to(email)
  return client.post('verify-email', { token: tokenOf(link) })
}

for (const [i, mode] of modes.entries()) {
  const at = strict[i]?.client ?? client

  test(`${mode}: the access token of an unverified user → 403 until the address is verified`, async t => {
    const { email, access: token } = await anAccount(client)
    t.is((await client.get('me', { token })).status, 200)
    const replies = [
      await at.get('me', { token }),
      await at.patch('me', { full_name: 'Ada' }, { token }),
      await at.get('me/export', { token }),
      await at.get('sessions', { token }),
      await at.get('/api/v1/admin/users', { token }),
    ]
    for (const { status, body, headers } of replies) {
      t.is(status, 403)
      t.is(body.code, 'EMAIL_NOT_VERIFIED')
      t.regex(body.detail, /the session then continues/)
      t.is(headers.get('www-authenticate'), null, 'the session itself is valid')
    }
    t.is((await verify(email)).status, 200)
    t.is((await at.get('me', { token })).status, 200)
  })

  test(`${mode}: a refresh by an unverified user → 403, and the same token works once verified`, async t => {
    const { email, userId, sessionId, refresh: refresh_token } = await anAccount(client)
    const before = await world.redis.hgetall(world.keys.session(userId, sessionId))
    for (let i = 0; i < 30; i++) {
      const { status, body } = await at.post('refresh', { refresh_token })
      t.is(status, 403)
      t.is(body.code, 'EMAIL_NOT_VERIFIED')
    }
    t.deepEqual(
      await world.redis.hgetall(world.keys.session(userId, sessionId)),
      before,
      'no refresh token is used',
    )
    t.is((await verify(email)).status, 200)
    const { status, body } = await at.post('refresh', { refresh_token })
    t.is(status, 200)
    t.is((await at.get('me', { token: body.access_token })).status, 200)
  })
}

const at = strict[0]?.client ?? client

test('a retry of the last refresh by an unverified user → 403, and it is no theft', async t => {
  const { email, refresh } = await anAccount(client)
  const { body } = await client.post('refresh', { refresh_token: refresh })
  t.is((await at.post('refresh', { refresh_token: refresh })).status, 403)
  t.is((await verify(email)).status, 200)
  t.is((await at.post('refresh', { refresh_token: body.refresh_token })).status, 200)
})

test('unverified user presents a used refresh token → 401, and the session ends as for other users', async t => {
  t.teardown(() => world.travel(0))
  const { userId, refresh } = await anAccount(client)
  const { body } = await client.post('refresh', { refresh_token: refresh })
  await world.travel(11_000)
  const reused = await at.post('refresh', { refresh_token: refresh })
  t.is(reused.status, 401)
  t.is(reused.body.code, 'INVALID_REFRESH_TOKEN')
  t.is((await client.post('refresh', { refresh_token: body.refresh_token })).status, 401)
  const events = await world.sql(
    `SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'session.reused'`,
    [userId],
  )
  t.is(events.length, 1)
})

test('an ended session of an unverified user → 401, not 403', async t => {
  const { access, refresh } = await anAccount(client)
  t.is((await client.post('logout-all', undefined, { token: access })).status, 204)
  t.is((await at.get('me', { token: access })).body.code, 'SESSION_REVOKED')
  t.is((await at.post('refresh', { refresh_token: refresh })).body.code, 'INVALID_REFRESH_TOKEN')
})

test('unverified user → can end this session, another one, or all', async t => {
  const { email, access } = await anAccount(client)
  const login = async () => (await client.post('login', { email, password })).body
  const [second, third] = [await login(), await login()]
  const revoked = await at.send('DELETE', `sessions/${second.session_id}`, { token: access })
  t.is(revoked.status, 204)
  t.is((await at.post('logout', { refresh_token: third.refresh_token })).status, 204)
  t.is((await at.post('logout-all', undefined, { token: access })).status, 204)
  for (const token of [access, second.access_token, third.access_token])
    t.is((await client.get('me', { token })).status, 401)
})

test('unverified user mistyped the address → can change it, which verifies the new one', async t => {
  const { access: token } = await anAccount(client)
  const email = anEmail()
  const body = { current_password: password, new_email: email }
  t.is((await at.post('change-email', body, { token })).status, 202)
  const mailed = await waitForLink(world, email, 'confirm-email')
  t.is((await at.post('confirm-email', { email, code: mailed.code }, { token })).status, 200)
  t.like((await at.get('me', { token })).body, { email, email_verified: true })
})

test('verified user → nothing changes in either mode', async t => {
  const { email, access: token, refresh } = await anAccount(client)
  t.is((await verify(email)).status, 200)
  for (const instance of strict) t.is((await instance.client.get('me', { token })).status, 200)
  t.is((await at.post('refresh', { refresh_token: refresh })).status, 200)
})
