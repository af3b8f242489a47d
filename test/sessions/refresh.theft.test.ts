import test from 'ava'
import { anAccount } from '../make.ts'
import { openWorld, until } from '../world.ts'

// As a worker does at its start: it stops this process for longer than a command of Redis may take.
const world = await openWorld({ worker: true })
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())

const { client, clock, deps, mails, sql } = world
const refresh = (token: string, by = client) => by.post('refresh', { refresh_token: token })
const rotated = async (token: string) => {
  const { status, body } = await refresh(token)
  if (status !== 200) throw new Error(`refresh answered ${status}`)
  return body
}

type Event = { type: string; session_id: string; user_id: string; ip: string; user_agent: string }
const eventsOf = (userId: string) =>
  sql<Event>(`SELECT * FROM audit_events WHERE user_id = $1 AND type = 'session.reused'`, [userId])
const warningsOf = (userId: string) =>
  sql<{ status: string }>(`SELECT status FROM emails WHERE user_id = $1 AND kind = 'session_reuse'`, [userId])

// R1 → R2 → R3: the first token is a spent one, the last is live.
const aChain = async () => {
  const account = await anAccount(client)
  const second = await rotated(account.refresh)
  const third = await rotated(second.refresh_token)
  return { ...account, second, third }
}

test.serial(
  'a spent token that comes back ends the session, its newest token and its access tokens',
  async t => {
    const chain = await aChain()
    const { email, password, userId, sessionId } = chain
    const elsewhere = (await client.post('login', { email, password })).body
    const accesses = [chain.access, chain.second.access_token, chain.third.access_token]
    for (const token of accesses) t.is((await client.get('me', { token })).status, 200)

    const replayed = await refresh(chain.refresh)
    t.is(replayed.status, 401)
    t.is(replayed.body.code, 'INVALID_REFRESH_TOKEN')

    for (const token of accesses)
      for (const by of [client, other.client]) {
        const asked = await by.get('me', { token })
        t.is(asked.status, 401)
        t.is(asked.body.code, 'SESSION_REVOKED')
      }
    for (const token of [chain.third.refresh_token, chain.second.refresh_token, chain.refresh]) {
      const refused = await refresh(token, other.client)
      t.is(refused.status, 401)
      t.is(refused.body.code, 'INVALID_REFRESH_TOKEN')
    }

    t.is((await client.get('me', { token: elsewhere.access_token })).status, 200)
    t.is((await refresh(elsewhere.refresh_token)).status, 200)

    const events = await eventsOf(userId)
    t.is(events.length, 1)
    t.is(events[0]?.type, 'session.reused')
    t.is(events[0]?.session_id, sessionId)
    t.deepEqual(await deps.redis.zrange(deps.keys.sessions(userId), 0, -1), [elsewhere.session_id])
    t.not(await deps.redis.pttl(deps.keys.session(userId, sessionId)), -1, 'what is left of it has an end')
  },
)

test.serial('the owner is mailed once, however often and from wherever the token is presented', async t => {
  const { email, refresh: stolen, userId, third } = await aChain()
  const replies = await Promise.all(
    Array.from({ length: 20 }, (_, i) => refresh(stolen, i % 2 ? client : other.client)),
  )
  t.deepEqual([...new Set(replies.map(({ body }) => body.code))], ['INVALID_REFRESH_TOKEN'])
  t.is((await refresh(third.refresh_token)).status, 401)
  t.is((await refresh(stolen)).status, 401)

  // The mail that verifies the address, and the warning.
  const { mail } = await mails.to(email, 2)
  t.truthy(mail.subject)
  await until('the warning is sent', async () =>
    (await warningsOf(userId)).every(({ status }) => status === 'sent'),
  )
  t.is((await warningsOf(userId)).length, 1)
  t.is((await eventsOf(userId)).length, 1)
  t.is(mails.caught.filter(({ to }) => to.includes(email)).length, 2)
})

test.serial('a thief who refreshes first is shut out when the owner refreshes', async t => {
  const { refresh: stolen, userId } = await anAccount(client)
  const thief = await rotated(stolen)
  clock.shift += 10_001
  t.is((await refresh(stolen)).status, 401)
  t.is((await refresh(thief.refresh_token)).status, 401)
  t.is((await client.get('me', { token: thief.access_token })).body.code, 'SESSION_REVOKED')
  t.is((await eventsOf(userId)).length, 1)
})

test.serial('the audit event says where the token was presented from', async t => {
  const { refresh: stolen, userId } = await aChain()
  await client.post('refresh', { refresh_token: stolen }, { headers: { 'user-agent': 'thief/1.0' } })
  const [event] = await eventsOf(userId)
  t.is(event?.ip, '127.0.0.1')
  t.is(event?.user_agent, 'thief/1.0')
})

test.serial('a logout takes no theft away from the record of it, nor adds one', async t => {
  const { refresh: stolen, third, userId } = await aChain()
  t.is((await client.post('logout', { refresh_token: third.refresh_token })).status, 204)
  t.is((await refresh(stolen)).status, 401)
  t.is((await eventsOf(userId)).length, 0, 'of an ended session nothing can be stolen')
})
