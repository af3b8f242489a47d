import test from 'ava'
import { dropKeys, keysOf } from '../every-key.ts'
import { anAccount } from '../make.ts'
import { openWorld } from '../world.ts'

const world = await openWorld()
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())

const { client, deps, sql } = world

test.serial('a Redis that has lost everything logs people out and lets nobody in', async t => {
  const account = await anAccount(client)
  const { email, password } = account
  const second = (await client.post('login', { email, password })).body
  const spent = account.refresh
  const current = (await client.post('refresh', { refresh_token: spent })).body

  const { REDIS_PREFIX: prefix } = deps.config
  const keys = [...(await keysOf(deps.redis, `${prefix}:*`)), ...(await keysOf(deps.redis, `{${prefix}}:*`))]
  t.true(keys.length > 0)
  await dropKeys(deps.redis, keys)

  for (const by of [client, other.client]) {
    for (const token of [account.access, current.access_token, second.access_token])
      t.is((await by.get('me', { token })).body.code, 'SESSION_REVOKED')
    for (const token of [spent, current.refresh_token, second.refresh_token])
      t.is((await by.post('refresh', { refresh_token: token })).body.code, 'INVALID_REFRESH_TOKEN')
  }
  t.is((await client.post('logout', { refresh_token: current.refresh_token })).status, 204)
  t.deepEqual(await keysOf(deps.redis, `${prefix}:{*`), [], 'asking brings nothing back')
  t.is(
    (await sql(`SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'session.reused'`, [account.userId]))
      .length,
    0,
  )

  const again = await client.post('login', { email, password })
  t.is(again.status, 200)
  for (const by of [client, other.client])
    t.is((await by.get('me', { token: again.body.access_token })).status, 200)
  t.is((await other.client.post('refresh', { refresh_token: again.body.refresh_token })).status, 200)
  t.is((await client.get('me', { token: account.access })).status, 401)
})

test.serial(
  'a session that was ended one by one stays ended when Redis comes back from an older state',
  async t => {
    const account = await anAccount(client)
    const { email, password } = account
    const listed = (await client.post('login', { email, password })).body
    const left = (await client.post('login', { email, password })).body
    const stolen = (await client.post('login', { email, password })).body
    const keys = await keysOf(deps.redis, `*{${account.userId}}:session*`)
    const older = await Promise.all(keys.map(async key => [key, await deps.redis.dumpBuffer(key)] as const))

    const at = { token: account.access }
    t.is((await client.send('DELETE', `sessions/${listed.session_id}`, at)).status, 204)
    t.is((await client.post('logout', { refresh_token: left.refresh_token })).status, 204)
    const next = (await client.post('refresh', { refresh_token: stolen.refresh_token })).body
    await client.post('refresh', { refresh_token: next.refresh_token })
    t.is((await client.post('refresh', { refresh_token: stolen.refresh_token })).status, 401, 'a theft')

    for (const [key, value] of older) await deps.redis.restore(key, 0, value, 'REPLACE')
    for (const by of [client, other.client])
      for (const { access_token: token } of [listed, left, stolen, next])
        t.is((await by.get('me', { token })).body.code, 'SESSION_REVOKED')
    for (const by of [client, other.client])
      for (const { refresh_token } of [listed, left, stolen])
        t.is((await by.post('refresh', { refresh_token })).body.code, 'INVALID_REFRESH_TOKEN')
    t.is((await client.post('refresh', { refresh_token: account.refresh })).status, 200, 'this one was not')
  },
)
