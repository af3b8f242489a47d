import test from 'ava'
import { anAccount } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'

// A change of factors raises the epoch of a user in Postgres, and then moves the session that made it in Redis. Requests of that
// session in between must not sign the user out.

const world = await openWorld()
test.after.always(() => world[Symbol.asyncDispose]())

const raiseEpoch = (userId: string) =>
  world.sql('UPDATE users SET session_epoch = session_epoch + 1 WHERE id = $1', [userId])

test('the session reaches the new epoch while requests wait for it → me and refresh succeed', async t => {
  const account = await anAccount(world.client)
  const key = world.keys.session(account.userId, account.sessionId)
  await raiseEpoch(account.userId)
  const me = world.client.get('me', { token: account.access })
  const refresh = world.client.post('refresh', { refresh_token: account.refresh })
  await world.redis.hset(key, 'epoch', 1)
  t.is((await me).status, 200)
  t.is((await refresh).status, 200)
})

test('the session stays in the epoch that has ended → 401', async t => {
  const account = await anAccount(world.client)
  await raiseEpoch(account.userId)
  t.is((await world.client.get('me', { token: account.access })).status, 401)
  t.is((await world.client.post('refresh', { refresh_token: account.refresh })).status, 401)
})
