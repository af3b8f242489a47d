import test from 'ava'
import { anAccount } from '../make.ts'
import { openWorld } from '../world.ts'

const world = await openWorld()
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())

const { client, deps, sql } = world

const ends = {
  deactivated: 'UPDATE users SET is_active = false WHERE id = $1',
  deleted: 'DELETE FROM users WHERE id = $1',
}

for (const [end, statement] of Object.entries(ends))
  test(`a user who was ${end} is out at once, and their sessions are gone`, async t => {
    const account = await anAccount(client)
    t.is((await other.client.get('me', { token: account.access })).status, 200)
    await sql(statement, [account.userId])

    for (const by of [client, other.client]) {
      const asked = await by.get('me', { token: account.access })
      t.is(asked.status, 401)
      t.is(asked.body.code, 'SESSION_REVOKED')
      t.is((await by.patch('me', { full_name: 'Mallory' }, { token: account.access })).status, 401)
    }
    const refused = await client.post('refresh', { refresh_token: account.refresh })
    t.is(refused.status, 401)
    t.is(refused.body.code, 'INVALID_REFRESH_TOKEN')
    t.is(await deps.redis.exists(deps.keys.session(account.userId, account.sessionId)), 0)
    t.is(await deps.redis.exists(deps.keys.sessions(account.userId)), 0)
  })

test('a user who was deactivated is told so by the right password alone', async t => {
  const { email, password, userId } = await anAccount(client)
  await sql(ends.deactivated, [userId])
  const right = await client.post('login', { email, password })
  t.is(right.status, 403)
  t.is(right.body.code, 'ACCOUNT_DEACTIVATED')
  t.is((await client.post('login', { email, password: 'something else 1' })).body.code, 'INVALID_CREDENTIALS')
  await sql('UPDATE users SET is_active = true WHERE id = $1', [userId])
  t.is((await client.post('login', { email, password })).status, 200)
})

test('an epoch that was raised ends what began before it', async t => {
  const account = await anAccount(client)
  await sql('UPDATE users SET session_epoch = session_epoch + 1 WHERE id = $1', [account.userId])
  t.is((await client.get('me', { token: account.access })).body.code, 'SESSION_REVOKED')
  t.is((await client.post('refresh', { refresh_token: account.refresh })).status, 401)
  t.is(await deps.redis.exists(deps.keys.session(account.userId, account.sessionId)), 0)
})
