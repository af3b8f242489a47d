import test from 'ava'
import { actsOf, anAdmin, users } from '../admin/an-admin.ts'
import { type Account, anAccount } from '../make.ts'
import { openPools, type Shot, times, volley } from '../volley.ts'
import { openWorld } from '../world.ts'

// A refresh that arrives with whatever ends its session gives nothing that works afterwards, whichever came first.

const world = await openWorld()
const other = await world.instance()
await openPools(world, other)
const admin = await anAdmin(world)
test.after.always(() => world[Symbol.asyncDispose]())

const { client, sql } = world
const urls = [world.url, other.url]
const codeOf = async (asking: Promise<{ status: number; body: { code: string } }>) => (await asking).body.code

const ends: Record<string, (account: Account) => Shot> = {
  'a logout': ({ refresh }) => ({ path: 'logout', body: { refresh_token: refresh } }),
  'a logout by access token': ({ access }) => ({ path: 'logout', token: access, body: {} }),
  'a logout of every session': ({ access }) => ({ path: 'logout-all', token: access }),
  'a revocation from the list': ({ access, sessionId }) => ({
    method: 'DELETE',
    path: `sessions/${sessionId}`,
    token: access,
  }),
  'a logout by an administrator': ({ userId }) => ({
    path: `${users}/${userId}/logout`,
    token: admin.access,
  }),
  'a deactivation': ({ userId }) => ({
    method: 'PATCH',
    path: `${users}/${userId}`,
    token: admin.access,
    body: { is_active: false },
  }),
}

for (const [name, end] of Object.entries(ends))
  test.serial(`after refreshes that arrive with ${name} no token works`, async t => {
    for (const at of [0, 3, 5, 8, 11]) {
      const account = await anAccount(client)
      const refresh = { path: 'refresh', body: { refresh_token: account.refresh } }
      const shots = [...times(11, refresh), end(account)]
      // The end comes first, in the midst, last, and at either instance.
      shots.splice(at, 0, ...shots.splice(-1))
      const replies = await volley(at % 2 ? urls : [...urls].reverse(), shots)
      const [ended] = replies.splice(at, 1)
      t.true([200, 204].includes(ended?.status ?? 0), `${ended?.status}`)
      t.true(replies.every(({ status }) => status === 200 || status === 401))

      const given = replies.filter(({ status }) => status === 200).map(({ body }) => body)
      const refreshTokens = [account.refresh, ...given.map(body => body.refresh_token)]
      const accessTokens = [account.access, ...given.map(body => body.access_token)]
      for (const by of [client, other.client]) {
        for (const refresh_token of new Set(refreshTokens))
          t.is(await codeOf(by.post('refresh', { refresh_token })), 'INVALID_REFRESH_TOKEN')
        for (const token of new Set(accessTokens))
          t.is(await codeOf(by.get('me', { token })), 'SESSION_REVOKED')
      }
      const reported = await sql(
        `SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'session.reused'`,
        [account.userId],
      )
      t.is(reported.length, 0, 'none of it is a theft')
    }
  })

test.serial('an activation afterwards revives none of them', async t => {
  const account = await anAccount(client)
  const shots = times(12, { path: 'refresh', body: { refresh_token: account.refresh } })
  shots.splice(6, 0, ends['a deactivation']?.(account) ?? { path: '' })
  const replies = await volley(urls, shots)
  t.is(replies[6]?.status, 200)
  t.is((await actsOf(client, admin.access).change(account.userId, { is_active: true })).status, 200)
  const given = replies.filter(({ body }) => body.refresh_token).map(({ body }) => body)
  for (const { refresh_token, access_token } of given) {
    t.is((await client.post('refresh', { refresh_token })).status, 401)
    t.is((await other.client.get('me', { token: access_token })).status, 401)
  }
  t.is((await client.post('refresh', { refresh_token: account.refresh })).status, 401)
})
