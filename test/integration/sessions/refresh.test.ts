import anyTest from 'ava'
import { openClient } from '../../client.ts'
import { type Account, anAccount } from '../../fixtures.ts'
import { openProxy } from '../../proxy.ts'
import { type HttpRequest, openPools, sendSimultaneously, statusesOf, times } from '../../simultaneous.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'
import { adminActions, anAdmin, usersPath } from '../admin/admin-account.ts'

// Refresh tokens: rotation, the grace period, theft.

const test = anyTest.serial

const world = await openWorld()
const refreshLostReplyWorld = await openWorld()
const road = await openProxy('127.0.0.1', Number(new URL(refreshLostReplyWorld.url).port))
const refreshRaceWorld = await openWorld()
const other = await refreshRaceWorld.instance()
await openPools(refreshRaceWorld, other)
const refreshTheftWorld = await openWorld({ worker: true })
const refreshTheftOther = await refreshTheftWorld.instance()
const refreshWhileItEndsOther = await world.instance()
await openPools(world, refreshWhileItEndsOther)
const admin = await anAdmin(world)
anyTest.after.always(async () => {
  for (const each of [world, refreshLostReplyWorld, refreshRaceWorld, refreshTheftWorld])
    await each[Symbol.asyncDispose]()
})

{
  const { client } = world
  const refresh = (token: string) => client.post('refresh', { refresh_token: token })
  const day = 86_400

  test('a refresh gives a new access token and the next refresh token, which both work', async t => {
    const account = await anAccount(client)
    const reply = await refresh(account.refresh)
    t.is(reply.status, 200)
    t.deepEqual(Object.keys(reply.body).sort(), [
      'access_token',
      'expires_in',
      'refresh_expires_in',
      'refresh_token',
      'session_id',
      'token_type',
    ])
    t.is(reply.body.token_type, 'Bearer')
    t.is(reply.body.expires_in, 900)
    t.true(reply.body.refresh_expires_in > 7 * day - 5 && reply.body.refresh_expires_in <= 7 * day)
    t.is(reply.body.session_id, account.sessionId)
    t.not(reply.body.refresh_token, account.refresh)

    const me = await client.get('me', { token: reply.body.access_token })
    t.is(me.status, 200)
    t.is(me.body.id, account.userId)
    const next = await refresh(reply.body.refresh_token)
    t.is(next.status, 200)
    t.is((await client.get('me', { token: next.body.access_token })).status, 200)
  })

  test('an access token from before a refresh lives on until it expires', async t => {
    const { access, refresh: token } = await anAccount(client)
    await refresh(token)
    t.is((await client.get('me', { token: access })).status, 200)
  })

  test('replies that carry or answer tokens are stored by nobody', async t => {
    const account = await anAccount(client)
    const { email, password } = account
    const replies = [
      await client.post('login', { email, password }),
      await refresh(account.refresh),
      await refresh('lkr_nothing'),
      await client.post('logout', undefined, { token: account.access }),
    ]
    t.deepEqual(
      replies.map(({ status }) => status),
      [200, 200, 401, 204],
    )
    for (const { headers } of replies) t.is(headers.get('cache-control'), 'no-store')
  })

  test('a refresh keeps the time at which the user signed in', async t => {
    const account = await anAccount(client)
    const claims = (token: string) =>
      JSON.parse(
        Buffer.from(token.split('.')[2] ?? '', 'base64url')
          .subarray(0, -64)
          .toString(),
      )
    const { body } = await refresh(account.refresh)
    const [before, after] = [claims(account.access), claims(body.access_token)]
    t.is(after.auth_time, before.auth_time)
    t.is(after.sid, account.sessionId)
    t.is(after.sub, account.userId)
  })

  test('sessions of one user rotate apart from each other', async t => {
    const { email, password, refresh: phone } = await anAccount(client)
    const laptop = (await client.post('login', { email, password })).body.refresh_token
    const next = (await refresh(phone)).body.refresh_token
    t.is((await refresh(laptop)).status, 200)
    t.is((await refresh(next)).status, 200)
  })

  test('no key of a session is left without an end of its life', async t => {
    const account = await anAccount(client)
    const look = async (sessions: number) => {
      const found = await world.keysLike(`${world.env.REDIS_PREFIX}:{${account.userId}}:*`)
      t.is(found.filter(key => key.includes(':session:')).length, sessions)
      t.is(found.filter(key => key.endsWith(':sessions')).length, 1)
      for (const key of found) {
        const life = await world.redis.pttl(key)
        // The devices of a user outlast their sessions.
        const days = key.endsWith(':seen') ? 400 : 7
        t.true(life > (days - 0.1) * day * 1000 && life <= days * day * 1000, `${key} ${life}`)
      }
    }
    await look(1)
    await client.post('login', { email: account.email, password: account.password })
    await look(2)
    await refresh(account.refresh)
    await look(2)
  })
}

{
  const world = refreshLostReplyWorld
  anyTest.after.always(() => road[Symbol.asyncDispose]())

  const { client, clock, travel } = world
  const refresh = (token: string, by = client) => by.post('refresh', { refresh_token: token })

  /** Milliseconds since the last rotation of a session, as Redis counts them. */
  const sinceRotation = async (userId: string, sessionId: string): Promise<number> => {
    const rotatedAt = Number(await world.redis.hget(world.keys.session(userId, sessionId), 'rotated_at'))
    const [seconds, microseconds] = await world.redis.time()
    return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000) + clock.shift - rotatedAt
  }

  const travelPastRotation = async (userId: string, sessionId: string, age: number): Promise<void> => {
    await travel(clock.shift + age - (await sinceRotation(userId, sessionId)))
  }

  test('a client that lost the reply asks again and gets the successor', async t => {
    const account = await anAccount(client)
    const lost = road.loseReplyTo(account.refresh)
    await t.throwsAsync(refresh(account.refresh, openClient(world.url.replace(/\d+$/, String(road.port)))))
    await lost
    const key = world.keys.session(account.userId, account.sessionId)
    t.truthy(await world.redis.hget(key, 'rotated_at'), 'the token was spent')

    const retried = await refresh(account.refresh)
    t.is(retried.status, 200)
    t.is((await client.get('me', { token: retried.body.access_token })).status, 200)
    t.is((await refresh(account.refresh)).body.refresh_token, retried.body.refresh_token)
    t.is((await refresh(retried.body.refresh_token)).status, 200)
  })

  test('two tabs that share a session stay signed in', async t => {
    const account = await anAccount(client)
    let token = account.refresh
    for (let turn = 0; turn < 3; turn++) {
      const [one, two] = [await refresh(token), await refresh(token)]
      t.is(one.status, 200)
      t.is(two.status, 200)
      t.is(two.body.refresh_token, one.body.refresh_token)
      for (const { body } of [one, two])
        t.is((await client.get('me', { token: body.access_token })).status, 200)
      token = two.body.refresh_token
      await travel(clock.shift + 60_000)
    }
  })

  test('a retry is still a retry half a second before the grace period ends', async t => {
    // An answer that came after the end says nothing: on a machine that is busy half a second may pass.
    const { first, retried } = await until('an answer within the grace period', async () => {
      const { userId, sessionId, refresh: token } = await anAccount(client)
      const first = await refresh(token)
      await travelPastRotation(userId, sessionId, 9500)
      const retried = await refresh(token)
      return (await sinceRotation(userId, sessionId)) < 10_000 && { first, retried }
    })
    t.is(retried.status, 200)
    t.is(retried.body.refresh_token, first.body.refresh_token)
  })

  test('a retry does not prolong the grace period, and after it counts as theft', async t => {
    const account = await anAccount(client)
    const first = await refresh(account.refresh)
    await travelPastRotation(account.userId, account.sessionId, 5000)
    t.is((await refresh(account.refresh)).status, 200)
    await travelPastRotation(account.userId, account.sessionId, 10_001)
    const late = await refresh(account.refresh)
    t.is(late.status, 401)
    t.is(late.body.code, 'INVALID_REFRESH_TOKEN')
    t.is((await refresh(first.body.refresh_token)).status, 401)
    const told = await world.sql(
      `SELECT 1 FROM audit_events WHERE session_id = $1 AND type = 'session.reused'`,
      [account.sessionId],
    )
    t.is(told.length, 1)
  })
}

{
  const world = refreshRaceWorld
  // One refresh token at two instances at the same moment: tabs, retries, or a thief beside the owner.

  const { client, clock, travel, sql } = world
  const both = [world.url, other.url]
  const refreshOf = (token: string) => ({ path: 'refresh', body: { refresh_token: token } })
  const refresh = (token: string, by = client) => by.post('refresh', { refresh_token: token })
  const reportsOf = (userId: string) =>
    sql(`SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'session.reused'`, [userId])
  const warningsOf = (userId: string) =>
    sql(`SELECT 1 FROM emails WHERE user_id = $1 AND kind = 'session_reuse'`, [userId])

  test('fifty refreshes at once with one token, on two instances, get one successor', async t => {
    const account = await anAccount(client)
    const replies = await sendSimultaneously(both, times(50, refreshOf(account.refresh)))
    t.deepEqual(statusesOf(replies), { 200: 50 })
    const successors = new Set(replies.map(({ body }) => body.refresh_token))
    t.is(successors.size, 1)
    t.deepEqual([...new Set(replies.map(({ body }) => body.session_id))], [account.sessionId])
    t.deepEqual(await world.redis.zrange(world.keys.sessions(account.userId), 0, -1), [account.sessionId])

    const [successor] = successors
    const onward = await refresh(successor, other.client)
    t.is(onward.status, 200)
    t.false(successors.has(onward.body.refresh_token))
    const asked = await sendSimultaneously(
      both,
      replies.map(({ body }) => ({ method: 'GET', path: 'me', token: body.access_token })),
    )
    t.deepEqual(statusesOf(asked), { 200: 50 })
    t.is((await reportsOf(account.userId)).length, 0)
  })

  test('races over ten tokens in a row never fork nor end the chain', async t => {
    const account = await anAccount(client)
    let token = account.refresh
    for (let step = 0; step < 10; step++) {
      const replies = await sendSimultaneously(both, times(8, refreshOf(token)))
      t.deepEqual(statusesOf(replies), { 200: 8 })
      const successors = new Set(replies.map(({ body }) => body.refresh_token))
      t.is(successors.size, 1)
      token = [...successors][0]
    }
  })

  test('a token and its successor at once never leave two lineages', async t => {
    for (let round = 0; round < 5; round++) {
      const account = await anAccount(client)
      const { body: second } = await refresh(account.refresh)
      const replies = await sendSimultaneously(
        both,
        times(20, i => refreshOf(i % 4 < 2 ? account.refresh : second.refresh_token)),
      )
      const given = new Set(replies.flatMap(({ body }) => body.refresh_token ?? []))
      given.delete(second.refresh_token)
      t.true(given.size <= 1, 'one successor of the successor')
      // Once the successor is spent, its parent is a stolen one.
      const refused = replies.filter(({ status }) => status !== 200)
      t.true(refused.length > 0)
      for (const { status, body } of refused) t.like({ status, code: body.code }, refusal)
      for (const token of [account.refresh, second.refresh_token, ...given])
        t.is((await refresh(token)).status, 401)
      t.is((await reportsOf(account.userId)).length, 1)
    }
  })
  const refusal = { status: 401, code: 'INVALID_REFRESH_TOKEN' }

  test('fifty at once with a parent from before the grace end the session, and tell of it once', async t => {
    const account = await anAccount(client)
    const { body: second } = await refresh(account.refresh)
    await travel(clock.shift + 10_001)
    const replies = await sendSimultaneously(both, times(50, refreshOf(account.refresh)))
    t.deepEqual(statusesOf(replies), { 401: 50 })
    t.deepEqual([...new Set(replies.map(({ body }) => body.code))], ['INVALID_REFRESH_TOKEN'])
    t.is((await refresh(second.refresh_token)).status, 401)
    for (const token of [account.access, second.access_token])
      for (const by of [client, other.client])
        t.is((await by.get('me', { token })).body.code, 'SESSION_REVOKED')
    t.is((await reportsOf(account.userId)).length, 1)
    t.is((await warningsOf(account.userId)).length, 1)
    t.is(await world.redis.zcard(world.keys.sessions(account.userId)), 0)
  })

  test('the owner who refreshes among fifty thieves loses the session too', async t => {
    const account = await anAccount(client)
    const { body: second } = await refresh(account.refresh)
    await travel(clock.shift + 10_001)
    const requests = times(50, i => refreshOf(i % 10 === 9 ? second.refresh_token : account.refresh))
    const replies = await sendSimultaneously(both, requests)
    for (const { status, body } of replies)
      if (status === 200) {
        t.is((await refresh(body.refresh_token)).status, 401)
        t.is((await client.get('me', { token: body.access_token })).body.code, 'SESSION_REVOKED')
      }
    t.is((await refresh(second.refresh_token)).status, 401)
    t.is((await reportsOf(account.userId)).length, 1)
    t.is((await warningsOf(account.userId)).length, 1)
  })
}

{
  const world = refreshTheftWorld
  const other = refreshTheftOther
  // As a worker does at its start: it stops this process for longer than a command of Redis may take.
  const { client, clock, travel, mails, sql } = world
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
    sql<{ status: string }>(`SELECT status FROM emails WHERE user_id = $1 AND kind = 'session_reuse'`, [
      userId,
    ])

  // R1 → R2 → R3: the first token is a spent one, the last is live.
  const aChain = async () => {
    const account = await anAccount(client)
    const second = await rotated(account.refresh)
    const third = await rotated(second.refresh_token)
    return { ...account, second, third }
  }

  test('a spent token that comes back ends the session, its newest token and its access tokens', async t => {
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
    t.deepEqual(await world.redis.zrange(world.keys.sessions(userId), 0, -1), [elsewhere.session_id])
    t.not(await world.redis.pttl(world.keys.session(userId, sessionId)), -1, 'what is left of it has an end')
  })

  test('the owner is mailed once, however often and from wherever the token is presented', async t => {
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
    t.is((await mails.sentTo(email)).length, 2)
  })

  test('a thief who refreshes first is shut out when the owner refreshes', async t => {
    const { refresh: stolen, userId } = await anAccount(client)
    const thief = await rotated(stolen)
    await travel(clock.shift + 10_001)
    t.is((await refresh(stolen)).status, 401)
    t.is((await refresh(thief.refresh_token)).status, 401)
    t.is((await client.get('me', { token: thief.access_token })).body.code, 'SESSION_REVOKED')
    t.is((await eventsOf(userId)).length, 1)
  })

  test('the audit event says where the token was presented from', async t => {
    const { refresh: stolen, userId } = await aChain()
    await client.post('refresh', { refresh_token: stolen }, { headers: { 'user-agent': 'thief/1.0' } })
    const [event] = await eventsOf(userId)
    t.is(event?.ip, '127.0.0.1')
    t.is(event?.user_agent, 'thief/1.0')
  })

  test('a logout takes no theft away from the record of it, nor adds one', async t => {
    const { refresh: stolen, third, userId } = await aChain()
    t.is((await client.post('logout', { refresh_token: third.refresh_token })).status, 204)
    t.is((await refresh(stolen)).status, 401)
    t.is((await eventsOf(userId)).length, 0, 'of an ended session nothing can be stolen')
  })
}

{
  const { client, sql } = world
  const refresh = (token: string) => client.post('refresh', { refresh_token: token })
  const told = async (userId: string) => ({
    events: (await sql(`SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'session.reused'`, [userId]))
      .length,
    mails: (await sql(`SELECT 1 FROM emails WHERE user_id = $1 AND kind = 'session_reuse'`, [userId])).length,
  })

  // Makes Postgres refuse rows for a table, as a full disk does.
  const refuse = async (table: string): Promise<() => Promise<void>> => {
    await sql(`CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END $$`)
    await sql(`CREATE TRIGGER refuse BEFORE INSERT ON ${table} EXECUTE FUNCTION refuse()`)
    return async () => {
      await sql(`DROP TRIGGER refuse ON ${table}`)
    }
  }

  for (const table of ['audit_events', 'emails'])
    test(`a theft that could not be recorded in ${table} ends the session, and is told the next time`, async t => {
      const account = await anAccount(client)
      const second = (await refresh(account.refresh)).body
      const third = (await refresh(second.refresh_token)).body

      const accept = await refuse(table)
      const met = await refresh(account.refresh)
      t.is(met.status, 503)
      t.truthy(met.headers.get('retry-after'))
      t.is((await client.get('me', { token: third.access_token })).body.code, 'SESSION_REVOKED')
      t.is((await refresh(third.refresh_token)).status, 503)
      t.deepEqual(await told(account.userId), { events: 0, mails: 0 })

      await accept()
      t.is((await refresh(account.refresh)).body.code, 'INVALID_REFRESH_TOKEN')
      t.deepEqual(await told(account.userId), { events: 1, mails: 1 })
      t.is((await refresh(third.refresh_token)).body.code, 'INVALID_REFRESH_TOKEN')
      t.is((await client.get('me', { token: third.access_token })).body.code, 'SESSION_REVOKED')
      t.deepEqual(await told(account.userId), { events: 1, mails: 1 })
    })

  test('after a fault the theft is told by whichever token of the session comes first', async t => {
    const account = await anAccount(client)
    const second = (await refresh(account.refresh)).body
    const third = (await refresh(second.refresh_token)).body
    const accept = await refuse('audit_events')
    t.is((await refresh(account.refresh)).status, 503)
    await accept()
    t.is((await refresh(third.refresh_token)).body.code, 'INVALID_REFRESH_TOKEN')
    t.deepEqual(await told(account.userId), { events: 1, mails: 1 })
  })
}

{
  const other = refreshWhileItEndsOther
  // A refresh that arrives with whatever ends its session gives nothing that works afterwards, whichever came first.

  const { client, sql } = world
  const urls = [world.url, other.url]
  const codeOf = async (asking: Promise<{ status: number; body: { code: string } }>) =>
    (await asking).body.code

  const ends: Record<string, (account: Account) => HttpRequest> = {
    'a logout': ({ refresh }) => ({ path: 'logout', body: { refresh_token: refresh } }),
    'a logout by access token': ({ access }) => ({ path: 'logout', token: access, body: {} }),
    'a logout of every session': ({ access }) => ({ path: 'logout-all', token: access }),
    'a revocation from the list': ({ access, sessionId }) => ({
      method: 'DELETE',
      path: `sessions/${sessionId}`,
      token: access,
    }),
    'a logout by an administrator': ({ userId }) => ({
      path: `${usersPath}/${userId}/logout`,
      token: admin.access,
    }),
    'a deactivation': ({ userId }) => ({
      method: 'PATCH',
      path: `${usersPath}/${userId}`,
      token: admin.access,
      body: { is_active: false },
    }),
  }

  for (const [name, end] of Object.entries(ends))
    test(`after refreshes that arrive with ${name} no token works`, async t => {
      for (const at of [0, 3, 5, 8, 11]) {
        const account = await anAccount(client)
        const refresh = { path: 'refresh', body: { refresh_token: account.refresh } }
        const requests = [...times(11, refresh), end(account)]
        // The end comes first, in the midst, last, and at either instance.
        requests.splice(at, 0, ...requests.splice(-1))
        const replies = await sendSimultaneously(at % 2 ? urls : [...urls].reverse(), requests)
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

  test('an activation afterwards revives none of them', async t => {
    const account = await anAccount(client)
    const requests = times(12, { path: 'refresh', body: { refresh_token: account.refresh } })
    requests.splice(6, 0, ends['a deactivation']?.(account) ?? { path: '' })
    const replies = await sendSimultaneously(urls, requests)
    t.is(replies[6]?.status, 200)
    t.is((await adminActions(client, admin.access).change(account.userId, { is_active: true })).status, 200)
    const given = replies.filter(({ body }) => body.refresh_token).map(({ body }) => body)
    for (const { refresh_token, access_token } of given) {
      t.is((await client.post('refresh', { refresh_token })).status, 401)
      t.is((await other.client.get('me', { token: access_token })).status, 401)
    }
    t.is((await client.post('refresh', { refresh_token: account.refresh })).status, 401)
  })
}
