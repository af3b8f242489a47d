import test from 'ava'
import { keysOf } from '../every-key.ts'
import { type Account, anAccount } from '../make.ts'
import { openWorld } from '../world.ts'

const world = await openWorld()
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())

const { client, deps } = world
const both = [client, other.client]
const login = async ({ email, password }: Account) => (await client.post('login', { email, password })).body

// Puts every key of a user back as it was: a replica or a backup of Redis that knows nothing of what came after.
const remember = async (userId: string): Promise<() => Promise<void>> => {
  const keys = await keysOf(deps.redis, `${deps.config.REDIS_PREFIX}:{${userId}}:*`)
  const dumps = await Promise.all(keys.map(async key => [key, await deps.redis.dumpBuffer(key)] as const))
  return async () => {
    for (const [key, dump] of dumps) if (dump) await deps.redis.restore(key, 600_000, dump, 'REPLACE')
  }
}

test('logout-all ends every session of a user at once, on every instance, and nobody else’s', async t => {
  const account = await anAccount(client)
  const bystander = await anAccount(client)
  const sessions = [
    { access_token: account.access, refresh_token: account.refresh },
    await login(account),
    await login(account),
  ]
  const reply = await other.client.post('logout-all', undefined, { token: account.access })
  t.is(reply.status, 204)
  t.is(reply.text, '')
  t.deepEqual(await keysOf(deps.redis, `${deps.config.REDIS_PREFIX}:{${account.userId}}:*session*`), [])

  for (const by of both)
    for (const { access_token, refresh_token } of sessions) {
      t.is((await by.get('me', { token: access_token })).body.code, 'SESSION_REVOKED')
      const refused = await by.post('refresh', { refresh_token })
      t.is(refused.status, 401)
      t.is(refused.body.code, 'INVALID_REFRESH_TOKEN')
    }
  t.is((await client.get('me', { token: bystander.access })).status, 200)
  t.is((await client.post('refresh', { refresh_token: bystander.refresh })).status, 200)
})

test('a login right after logout-all works', async t => {
  const account = await anAccount(client)
  await client.post('logout-all', undefined, { token: account.access })
  const { access_token, refresh_token } = await login(account)
  for (const by of both) t.is((await by.get('me', { token: access_token })).status, 200)
  t.is((await client.post('refresh', { refresh_token })).status, 200)
})

test('sessions that Redis remembers again after logout-all stay dead', async t => {
  const account = await anAccount(client)
  const { access_token, refresh_token } = await login(account)
  const sessionKey = deps.keys.session(account.userId, account.sessionId)
  const bringBack = await remember(account.userId)
  await client.post('logout-all', undefined, { token: account.access })
  const later = await login(account)
  await bringBack()
  t.is(await deps.redis.exists(sessionKey), 1)

  for (const by of both)
    for (const token of [account.access, access_token])
      t.is((await by.get('me', { token })).body.code, 'SESSION_REVOKED')
  for (const token of [account.refresh, refresh_token]) {
    const refused = await other.client.post('refresh', { refresh_token: token })
    t.is(refused.status, 401)
    t.is(refused.body.code, 'INVALID_REFRESH_TOKEN')
  }
  t.is(await deps.redis.exists(sessionKey), 0, 'it is forgotten for good')
  t.is((await client.get('me', { token: later.access_token })).status, 200)
  t.is((await client.post('refresh', { refresh_token: later.refresh_token })).status, 200)
})

test('logout-all wants a session that lives', async t => {
  const account = await anAccount(client)
  const elsewhere = await login(account)
  await client.post('logout', undefined, { token: account.access })
  t.is((await client.post('logout-all', undefined, { token: account.access })).body.code, 'SESSION_REVOKED')
  t.is((await client.post('logout-all')).body.code, 'AUTH_ERROR')
  t.is((await client.get('me', { token: elsewhere.access_token })).status, 200)
})
