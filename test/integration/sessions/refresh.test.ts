import anyTest from 'ava'
import { openClient } from '../../client.ts'
import { type Account, anAccount } from '../../fixtures.ts'
import { openProxy } from '../../proxy.ts'
import { type HttpRequest, openPools, sendSimultaneously, statusesOf, times } from '../../simultaneous.ts'
import { until } from '../../until.ts'
import { openWorld } from '../../world.ts'
import { adminActions, anAdmin, usersPath } from '../admin/admin-account.ts'

// Refresh tokens: rotation, the grace period, theft detection, and races.

const test = anyTest.serial

const world = await openWorld()
const refreshLostReplyWorld = await openWorld()
const proxy = await openProxy('127.0.0.1', Number(new URL(refreshLostReplyWorld.url).port))
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

  test('refresh → a new access token and a new refresh token, which both work', async t => {
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

  test('access token from before a refresh → valid until it expires', async t => {
    const { access, refresh: token } = await anAccount(client)
    await refresh(token)
    t.is((await client.get('me', { token: access })).status, 200)
  })

  test('replies that contain or process tokens → Cache-Control: no-store', async t => {
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

  test('refresh → keeps auth_time, session id and user id in the access token', async t => {
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

  test('two sessions of one user → rotate independently', async t => {
    const { email, password, refresh: phone } = await anAccount(client)
    const laptop = (await client.post('login', { email, password })).body.refresh_token
    const next = (await refresh(phone)).body.refresh_token
    t.is((await refresh(laptop)).status, 200)
    t.is((await refresh(next)).status, 200)
  })

  test('every Redis key of a user with sessions has an expiry', async t => {
    const account = await anAccount(client)
    const checkKeys = async (sessions: number) => {
      const found = await world.keysLike(`${world.env.REDIS_PREFIX}:{${account.userId}}:*`)
      t.is(found.filter(key => key.includes(':session:')).length, sessions)
      t.is(found.filter(key => key.endsWith(':sessions')).length, 1)
      for (const key of found) {
        const ttl = await world.redis.pttl(key)
        // Known devices are kept longer than sessions.
        const days = key.endsWith(':seen') ? 400 : 7
        t.true(ttl > (days - 0.1) * day * 1000 && ttl <= days * day * 1000, `${key} ${ttl}`)
      }
    }
    await checkKeys(1)
    await client.post('login', { email: account.email, password: account.password })
    await checkKeys(2)
    await refresh(account.refresh)
    await checkKeys(2)
  })
}

{
  const world = refreshLostReplyWorld
  anyTest.after.always(() => proxy[Symbol.asyncDispose]())

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

  test('reply of a refresh is lost → the retry gets the same successor', async t => {
    const account = await anAccount(client)
    const lost = proxy.loseReplyTo(account.refresh)
    await t.throwsAsync(refresh(account.refresh, openClient(world.url.replace(/\d+$/, String(proxy.port)))))
    await lost
    const key = world.keys.session(account.userId, account.sessionId)
    t.truthy(await world.redis.hget(key, 'rotated_at'), 'the first request used the token')

    const retried = await refresh(account.refresh)
    t.is(retried.status, 200)
    t.is((await client.get('me', { token: retried.body.access_token })).status, 200)
    t.is((await refresh(account.refresh)).body.refresh_token, retried.body.refresh_token)
    t.is((await refresh(retried.body.refresh_token)).status, 200)
  })

  test('two tabs refresh with the same token → both stay signed in', async t => {
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

  test('retry 0.5 s before the end of the grace period → the same successor', async t => {
    // On a busy machine the reply may arrive after the grace period and prove nothing. Such a round is repeated.
    const { first, retried } = await until('a reply within the grace period', async () => {
      const { userId, sessionId, refresh: token } = await anAccount(client)
      const first = await refresh(token)
      await travelPastRotation(userId, sessionId, 9500)
      const retried = await refresh(token)
      return (await sinceRotation(userId, sessionId)) < 10_000 && { first, retried }
    })
    t.is(retried.status, 200)
    t.is(retried.body.refresh_token, first.body.refresh_token)
  })

  test('retry does not extend the grace period; a retry after it counts as theft', async t => {
    const account = await anAccount(client)
    const first = await refresh(account.refresh)
    await travelPastRotation(account.userId, account.sessionId, 5000)
    t.is((await refresh(account.refresh)).status, 200)
    await travelPastRotation(account.userId, account.sessionId, 10_001)
    const lateRetry = await refresh(account.refresh)
    t.is(lateRetry.status, 401)
    t.is(lateRetry.body.code, 'INVALID_REFRESH_TOKEN')
    t.is((await refresh(first.body.refresh_token)).status, 401)
    const events = await world.sql(
      `SELECT 1 FROM audit_events WHERE session_id = $1 AND type = 'session.reused'`,
      [account.sessionId],
    )
    t.is(events.length, 1)
  })
}

{
  const world = refreshRaceWorld
  // One refresh token at two instances at the same moment: browser tabs, retries, or a thief and the owner.

  const { client, clock, travel, sql } = world
  const both = [world.url, other.url]
  const refreshOf = (token: string) => ({ path: 'refresh', body: { refresh_token: token } })
  const refresh = (token: string, by = client) => by.post('refresh', { refresh_token: token })
  const reportsOf = (userId: string) =>
    sql(`SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'session.reused'`, [userId])
  const warningsOf = (userId: string) =>
    sql(`SELECT 1 FROM emails WHERE user_id = $1 AND kind = 'session_reuse'`, [userId])

  test('50 simultaneous refreshes with one token at two instances → one successor', async t => {
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
    const meReplies = await sendSimultaneously(
      both,
      replies.map(({ body }) => ({ method: 'GET', path: 'me', token: body.access_token })),
    )
    t.deepEqual(statusesOf(meReplies), { 200: 50 })
    t.is((await reportsOf(account.userId)).length, 0)
  })

  test('simultaneous refreshes over ten rotations → the chain neither forks nor ends', async t => {
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

  test('token and its successor sent simultaneously → never two valid chains, one theft report', async t => {
    for (let round = 0; round < 5; round++) {
      const account = await anAccount(client)
      const { body: second } = await refresh(account.refresh)
      const replies = await sendSimultaneously(
        both,
        times(20, i => refreshOf(i % 4 < 2 ? account.refresh : second.refresh_token)),
      )
      const successors = new Set(replies.flatMap(({ body }) => body.refresh_token ?? []))
      successors.delete(second.refresh_token)
      t.true(successors.size <= 1, 'at most one successor of the successor')
      // Once the successor is used, its parent counts as stolen.
      const refused = replies.filter(({ status }) => status !== 200)
      t.true(refused.length > 0)
      for (const { status, body } of refused) t.like({ status, code: body.code }, refusal)
      for (const token of [account.refresh, second.refresh_token, ...successors])
        t.is((await refresh(token)).status, 401)
      t.is((await reportsOf(account.userId)).length, 1)
    }
  })
  const refusal = { status: 401, code: 'INVALID_REFRESH_TOKEN' }

  test('50 simultaneous reuses after the grace period → session ended, one event, one email', async t => {
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

  test('owner refreshes among 50 requests of a thief → the session ends for both', async t => {
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

  // R1 → R2 → R3: R1 and R2 are used, R3 is valid.
  const rotatedTwice = async () => {
    const account = await anAccount(client)
    const second = await rotated(account.refresh)
    const third = await rotated(second.refresh_token)
    return { ...account, second, third }
  }

  test('used token is presented → the session ends with its newest refresh and all access tokens', async t => {
    const chain = await rotatedTwice()
    const { email, password, userId, sessionId } = chain
    const otherSession = (await client.post('login', { email, password })).body
    const accesses = [chain.access, chain.second.access_token, chain.third.access_token]
    for (const token of accesses) t.is((await client.get('me', { token })).status, 200)

    const replayed = await refresh(chain.refresh)
    t.is(replayed.status, 401)
    t.is(replayed.body.code, 'INVALID_REFRESH_TOKEN')

    for (const token of accesses)
      for (const by of [client, other.client]) {
        const reply = await by.get('me', { token })
        t.is(reply.status, 401)
        t.is(reply.body.code, 'SESSION_REVOKED')
      }
    for (const token of [chain.third.refresh_token, chain.second.refresh_token, chain.refresh]) {
      const refused = await refresh(token, other.client)
      t.is(refused.status, 401)
      t.is(refused.body.code, 'INVALID_REFRESH_TOKEN')
    }

    t.is((await client.get('me', { token: otherSession.access_token })).status, 200)
    t.is((await refresh(otherSession.refresh_token)).status, 200)

    const events = await eventsOf(userId)
    t.is(events.length, 1)
    t.is(events[0]?.type, 'session.reused')
    t.is(events[0]?.session_id, sessionId)
    t.deepEqual(await world.redis.zrange(world.keys.sessions(userId), 0, -1), [otherSession.session_id])
    t.not(
      await world.redis.pttl(world.keys.session(userId, sessionId)),
      -1,
      'the rest of the session has an expiry',
    )
  })

  test('used token is presented 20 times at two instances → one event and one email to the owner', async t => {
    const { email, refresh: stolen, userId, third } = await rotatedTwice()
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, i) => refresh(stolen, i % 2 ? client : other.client)),
    )
    t.deepEqual([...new Set(replies.map(({ body }) => body.code))], ['INVALID_REFRESH_TOKEN'])
    t.is((await refresh(third.refresh_token)).status, 401)
    t.is((await refresh(stolen)).status, 401)

    // The verification email and the warning.
    const { mail } = await mails.to(email, 2)
    t.truthy(mail.subject)
    await until('the warning is sent', async () =>
      (await warningsOf(userId)).every(({ status }) => status === 'sent'),
    )
    t.is((await warningsOf(userId)).length, 1)
    t.is((await eventsOf(userId)).length, 1)
    t.is((await mails.sentTo(email)).length, 2)
  })

  test('thief refreshes first, then the owner → the session of the thief ends', async t => {
    const { refresh: stolen, userId } = await anAccount(client)
    const thief = await rotated(stolen)
    await travel(clock.shift + 10_001)
    t.is((await refresh(stolen)).status, 401)
    t.is((await refresh(thief.refresh_token)).status, 401)
    t.is((await client.get('me', { token: thief.access_token })).body.code, 'SESSION_REVOKED')
    t.is((await eventsOf(userId)).length, 1)
  })

  test('theft event → records the IP and user agent of the request', async t => {
    const { refresh: stolen, userId } = await rotatedTwice()
    await client.post('refresh', { refresh_token: stolen }, { headers: { 'user-agent': 'thief/1.0' } })
    const [event] = await eventsOf(userId)
    t.is(event?.ip, '127.0.0.1')
    t.is(event?.user_agent, 'thief/1.0')
  })

  test('reuse of a refresh token after logout → 401 and no theft event', async t => {
    const { refresh: stolen, third, userId } = await rotatedTwice()
    t.is((await client.post('logout', { refresh_token: third.refresh_token })).status, 204)
    t.is((await refresh(stolen)).status, 401)
    t.is((await eventsOf(userId)).length, 0, 'an ended session cannot be stolen')
  })
}

{
  const { client, sql } = world
  const refresh = (token: string) => client.post('refresh', { refresh_token: token })
  const reportsOf = async (userId: string) => ({
    events: (await sql(`SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'session.reused'`, [userId]))
      .length,
    mails: (await sql(`SELECT 1 FROM emails WHERE user_id = $1 AND kind = 'session_reuse'`, [userId])).length,
  })

  // Makes Postgres reject inserts into a table, as a full disk does.
  const rejectInserts = async (table: string): Promise<() => Promise<void>> => {
    await sql(`CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END $$`)
    await sql(`CREATE TRIGGER refuse BEFORE INSERT ON ${table} EXECUTE FUNCTION refuse()`)
    return async () => {
      await sql(`DROP TRIGGER refuse ON ${table}`)
    }
  }

  for (const table of ['audit_events', 'emails'])
    test(`theft cannot be recorded in ${table} → session ends with 503, recorded on the next request`, async t => {
      const account = await anAccount(client)
      const second = (await refresh(account.refresh)).body
      const third = (await refresh(second.refresh_token)).body

      const allowInserts = await rejectInserts(table)
      const failed = await refresh(account.refresh)
      t.is(failed.status, 503)
      t.truthy(failed.headers.get('retry-after'))
      t.is((await client.get('me', { token: third.access_token })).body.code, 'SESSION_REVOKED')
      t.is((await refresh(third.refresh_token)).status, 503)
      t.deepEqual(await reportsOf(account.userId), { events: 0, mails: 0 })

      await allowInserts()
      t.is((await refresh(account.refresh)).body.code, 'INVALID_REFRESH_TOKEN')
      t.deepEqual(await reportsOf(account.userId), { events: 1, mails: 1 })
      t.is((await refresh(third.refresh_token)).body.code, 'INVALID_REFRESH_TOKEN')
      t.is((await client.get('me', { token: third.access_token })).body.code, 'SESSION_REVOKED')
      t.deepEqual(await reportsOf(account.userId), { events: 1, mails: 1 })
    })

  test('theft recording failed → any token of the session triggers it again', async t => {
    const account = await anAccount(client)
    const second = (await refresh(account.refresh)).body
    const third = (await refresh(second.refresh_token)).body
    const allowInserts = await rejectInserts('audit_events')
    t.is((await refresh(account.refresh)).status, 503)
    await allowInserts()
    t.is((await refresh(third.refresh_token)).body.code, 'INVALID_REFRESH_TOKEN')
    t.deepEqual(await reportsOf(account.userId), { events: 1, mails: 1 })
  })
}

{
  const other = refreshWhileItEndsOther
  // A refresh during the end of its session returns no tokens that work afterwards, in either order.

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
    test(`simultaneous refreshes and ${name} → afterwards no token works, and no theft is reported`, async t => {
      for (const at of [0, 3, 5, 8, 11]) {
        const account = await anAccount(client)
        const refresh = { path: 'refresh', body: { refresh_token: account.refresh } }
        const requests = [...times(11, refresh), end(account)]
        // The request that ends the session is sent first, between the refreshes, and last, at either instance.
        requests.splice(at, 0, ...requests.splice(-1))
        const replies = await sendSimultaneously(at % 2 ? urls : [...urls].reverse(), requests)
        const [endReply] = replies.splice(at, 1)
        t.true([200, 204].includes(endReply?.status ?? 0), `${endReply?.status}`)
        t.true(replies.every(({ status }) => status === 200 || status === 401))

        const returned = replies.filter(({ status }) => status === 200).map(({ body }) => body)
        const refreshTokens = [account.refresh, ...returned.map(body => body.refresh_token)]
        const accessTokens = [account.access, ...returned.map(body => body.access_token)]
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
        t.is(reported.length, 0, 'no theft is reported')
      }
    })

  test('user deactivated during refreshes and activated again → old tokens stay invalid', async t => {
    const account = await anAccount(client)
    const requests = times(12, { path: 'refresh', body: { refresh_token: account.refresh } })
    requests.splice(6, 0, ends['a deactivation']?.(account) ?? { path: '' })
    const replies = await sendSimultaneously(urls, requests)
    t.is(replies[6]?.status, 200)
    t.is((await adminActions(client, admin.access).change(account.userId, { is_active: true })).status, 200)
    const returned = replies.filter(({ body }) => body.refresh_token).map(({ body }) => body)
    for (const { refresh_token, access_token } of returned) {
      t.is((await client.post('refresh', { refresh_token })).status, 401)
      t.is((await other.client.get('me', { token: access_token })).status, 401)
    }
    t.is((await client.post('refresh', { refresh_token: account.refresh })).status, 401)
  })
}
