import test from 'ava'
import { keysOf } from '../every-key.ts'
import { type Account, anAccount } from '../make.ts'
import { openPools, statusesOf, times, volley } from '../volley.ts'
import { openWorld } from '../world.ts'

const world = await openWorld()
const other = await world.instance()
await openPools(world, other)
test.after.always(() => world[Symbol.asyncDispose]())

const { client, clock, deps } = world
const day = 86_400_000

const login = async ({ email, password }: Account) => {
  const reply = await client.post('login', { email, password })
  if (reply.status !== 200) throw new Error(`login answered ${reply.status}`)
  return reply.body as { session_id: string; access_token: string; refresh_token: string }
}
const refresh = (token: string) => client.post('refresh', { refresh_token: token })
const listed = async (token: string): Promise<string[]> => {
  const { body } = await client.get('sessions', { token })
  return body.data.map(({ id }: { id: string }) => id).sort()
}
// Signs in again and again, a second apart.
const logins = async (account: Account, count: number) => {
  const made = []
  for (let i = 0; i < count; i++) {
    clock.shift += 1000
    made.push(await login(account))
  }
  return made
}

test.serial('one session too many ends the one that was quiet for longest, and that alone', async t => {
  const account = await anAccount(client)
  const [quiet, ...others] = await logins(account, 19)
  clock.shift += 1000
  const { body: first } = await refresh(account.refresh)
  t.is((await listed(first.access_token)).length, 20)

  clock.shift += 1000
  const last = await login(account)
  const lives = [account.sessionId, ...others.map(({ session_id }) => session_id), last.session_id].sort()
  t.deepEqual(await listed(last.access_token), lives)
  t.is((await client.get('me', { token: quiet?.access_token })).body.code, 'SESSION_REVOKED')
  t.is((await refresh(quiet?.refresh_token ?? '')).body.code, 'INVALID_REFRESH_TOKEN')
  for (const { refresh_token } of [first, ...others, last]) t.is((await refresh(refresh_token)).status, 200)
})

test.serial('a session in use is not ended for its age while others are quiet', async t => {
  const account = await anAccount(client)
  let token = account.refresh
  for (let week = 0; week < 4; week++) {
    clock.shift += 6 * day
    token = (await refresh(token)).body.refresh_token
  }
  clock.shift += 3 * day
  const [quiet] = await logins(account, 19)
  clock.shift += day / 2
  token = (await refresh(token)).body.refresh_token
  clock.shift += 1000
  const { access_token } = await login(account)
  const ids = await listed(access_token)
  t.is(ids.length, 20)
  t.true(ids.includes(account.sessionId))
  t.false(ids.includes(quiet?.session_id ?? ''))
  t.is((await refresh(token)).status, 200)
})

test.serial('sixty logins at once on two instances leave twenty sessions', async t => {
  const account = await anAccount(client)
  clock.shift += 1000
  const { email, password: word } = account
  const replies = await volley(
    [world.url, other.url],
    times(60, { path: 'login', body: { email, password: word } }),
  )
  t.deepEqual(statusesOf(replies), { 200: 60 })
  const made = replies.map(({ body }) => body as Awaited<ReturnType<typeof login>>)
  const asked = await Promise.all(made.map(({ access_token }) => client.get('me', { token: access_token })))
  const lives = made.filter((_, i) => asked[i]?.status === 200)
  t.is(lives.length, 20)
  t.is((await client.get('me', { token: account.access })).status, 401)
  t.deepEqual(await listed(lives[0]?.access_token ?? ''), lives.map(({ session_id }) => session_id).sort())

  const { userId } = account
  t.is((await keysOf(deps.redis, deps.keys.session(userId, '*'))).length, 20, 'nothing of the others is kept')
  const statuses = await Promise.all(
    made.map(async ({ refresh_token }) => (await refresh(refresh_token)).status),
  )
  t.is(statuses.filter(status => status === 200).length, 20)
  t.is(statuses.filter(status => status === 401).length, 40)
})

test.serial('somebody else keeps their sessions', async t => {
  const [one, another] = [await anAccount(client), await anAccount(client)]
  await logins(one, 22)
  t.is((await refresh(another.refresh)).status, 200)
})
