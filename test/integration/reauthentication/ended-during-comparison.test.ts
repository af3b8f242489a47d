import test from 'ava'
import type { SecondEvidence } from '../../../src/features/login/second-step.ts'
import { reauthenticate } from '../../../src/features/reauthentication/reauthenticate.ts'
import { putAuthentication } from '../../../src/features/sessions/store.ts'
import { findUser } from '../../../src/features/users/store.ts'
import { Problem } from '../../../src/platform/catalog/problems.ts'
import { anAccount, password } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { giveFactors } from './second-factor.ts'

// A session may end while its password is compared. The old password must not bring it back, nor get a token.

const world = await openLocalWorld()
const { client, deps, sql } = world
test.after.always(() => world[Symbol.asyncDispose]())

const origin = { ip: '192.0.2.1', userAgent: 'test' }

const setUp = async () => {
  const account = await anAccount(client)
  const user = await findUser(deps.reads, account.userId)
  if (!user) throw new Error('there is no user')
  const act = (evidence: SecondEvidence = { password }) =>
    reauthenticate(deps, {
      user,
      sessionId: account.sessionId,
      session: { epoch: 0, authTime: 0, amr: ['pwd'] },
      evidence,
      audience: '',
      origin,
    })
  const key = deps.keys.session(account.userId, account.sessionId)
  const eventCount = async () =>
    (
      await sql(`SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'user.reauthenticated'`, [
        account.userId,
      ])
    ).length
  return { ...account, user, act, key, eventCount }
}

for (const [change, statement] of [
  ['the password changes', 'UPDATE users SET session_epoch = session_epoch + 1 WHERE id = $1'],
  ['the account is deactivated', 'UPDATE users SET is_active = false WHERE id = $1'],
  ['the account is deleted', 'UPDATE users SET erase_after = now() WHERE id = $1'],
] as const)
  test(`${change} during the comparison → SESSION_REVOKED, no event, the session stays stale`, async t => {
    const { userId, act, key, eventCount } = await setUp()
    await deps.redis.hset(key, 'auth_time', 1)
    await sql(statement, [userId])
    const result = await act()
    t.true(result instanceof Problem && result.code === 'SESSION_REVOKED')
    t.is(await deps.redis.hget(key, 'auth_time'), '1')
    t.is(await eventCount(), 0)
  })

test('the session ends in Redis during the comparison → SESSION_REVOKED, and no key is left', async t => {
  const { act, key } = await setUp()
  await deps.redis.del(key)
  const result = await act()
  t.true(result instanceof Problem && result.code === 'SESSION_REVOKED')
  t.is(await deps.redis.exists(key), 0)
})

test('Redis holds a stolen session or one of an older epoch → no new auth_time', async t => {
  const { userId, sessionId, user, key } = await setUp()
  const session = { userId, sessionId, epoch: user.session_epoch }
  t.true(await putAuthentication(deps, session, { authTime: 5, amr: ['pwd'] }))
  t.true(
    await putAuthentication(deps, session, { authTime: 5, amr: ['pwd'] }),
    'the command is sent twice after a reconnect',
  )
  t.false(
    await putAuthentication(
      deps,
      { ...session, epoch: user.session_epoch + 1 },
      { authTime: 6, amr: ['pwd'] },
    ),
  )
  await deps.redis.hdel(key, 'current', 'previous')
  t.false(await putAuthentication(deps, session, { authTime: 6, amr: ['pwd'] }))
  t.is(await deps.redis.hget(key, 'auth_time'), '5')
})

test('the sessions of the user end while a code is checked → SESSION_REVOKED, and the code is not used up', async t => {
  const { userId, act, key } = await setUp()
  const { nextCode, recoveryCodes } = await giveFactors(world, { userId })
  const acts = [{ code: nextCode() }, { recovery_code: recoveryCodes[0] ?? '' }]
  await sql('UPDATE users SET session_epoch = session_epoch + 1 WHERE id = $1', [userId])
  for (const evidence of acts) {
    const result = await act(evidence)
    t.true(result instanceof Problem && result.code === 'SESSION_REVOKED')
  }
  t.is(await deps.redis.hget(key, 'amr'), 'pwd')
  const used = await sql('SELECT 1 FROM factors WHERE user_id = $1 AND last_used_at IS NOT NULL', [userId])
  t.is(used.length, 0)
})
