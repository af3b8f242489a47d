import test from 'ava'
import { findUser } from '../../src/accounts/store.ts'
import { Problem } from '../../src/base/problems.ts'
import { changePassword } from '../../src/passwords/change-password.ts'
import { anAccount } from '../make.ts'
import { openPools, volley } from '../volley.ts'
import { openWorld } from '../world.ts'
import { aForgetful, another } from './forgetful.ts'

// Of several changes at once one wins, and what the others were told is true.

const world = await openWorld({ worker: true })
const other = await world.instance()
await openPools(world, other)
test.after.always(() => world[Symbol.asyncDispose]())

const works = async (email: string, password: string) =>
  (await world.client.post('login', { email, password })).status === 200

test('of twenty changes at once at two instances one wins, and its session and password alone stand', async t => {
  const { email, password, access, refresh, userId } = await anAccount(world.client)
  const passwords = Array.from({ length: 20 }, (_, i) => `a new phrase number ${i}`)
  const replies = await volley(
    [world.url, other.url],
    passwords.map(new_password => ({
      path: 'change-password',
      body: { current_password: password, new_password },
      token: access,
    })),
  )
  const won = replies.filter(({ status }) => status === 200)
  t.is(won.length, 1)
  for (const { status, body } of replies.filter(reply => !won.includes(reply)))
    t.true(
      (status === 403 && body.code === 'INVALID_CURRENT_PASSWORD') ||
        (status === 401 && body.code === 'SESSION_REVOKED'),
      `${status}`,
    )
  const [{ body: session } = { body: null }] = won
  const { redis, keys } = world.deps
  t.deepEqual(await redis.zrange(keys.sessions(userId), 0, -1), [session.session_id])
  t.is((await other.client.get('me', { token: access })).status, 401)
  t.is((await world.client.post('refresh', { refresh_token: refresh })).status, 401)
  for (const [i, next] of passwords.entries()) t.is(await works(email, next), replies[i]?.status === 200)
  t.false(await works(email, password))
  t.is((await other.client.get('me', { token: session.access_token })).status, 200)
  t.is((await world.client.post('refresh', { refresh_token: session.refresh_token })).status, 200)
  const notices = await world.sql(`SELECT 1 FROM emails WHERE recipient = $1 AND kind = 'password_changed'`, [
    email,
  ])
  t.is(notices.length, 1)
})

test('a change that compared its password before a reset came, and ends after it, is refused', async t => {
  const { email, userId, password, reset } = await aForgetful(world)
  const user = await findUser(world.deps.database, userId)
  if (!user) throw new Error('the account is gone')
  const body = { token: reset.token, new_password: another }
  t.is((await world.client.post('reset-password', body)).status, 204)
  const late = await changePassword(world.deps, {
    user,
    sessionId: userId,
    current: password,
    next: 'a phrase of a thief 3',
    origin: { ip: '192.0.2.1', userAgent: '', network: '192.0.2.1' },
  })
  t.true(late instanceof Problem)
  t.true(await works(email, another))
  t.false(await works(email, 'a phrase of a thief 3'))
  t.is(await world.deps.redis.zcard(world.deps.keys.sessions(userId)), 1, 'the login just now, and no other')
})
