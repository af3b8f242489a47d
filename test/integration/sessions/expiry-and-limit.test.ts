import assert from 'node:assert/strict'
import anyTest from 'ava'
import fc from 'fast-check'
import { type Account, anAccount, password } from '../../fixtures.ts'
import { openPools, sendSimultaneously, statusesOf, times } from '../../simultaneous.ts'
import { openWorld } from '../../world.ts'
import { commands } from './refresh-commands.ts'
import { addSession, avoidBoundaries, env, isLive, type Model, nowOf, type Real } from './refresh-model.ts'

// When sessions expire, by examples and by a model, and the limit of 20 sessions per user.

const test = anyTest.serial

const refreshExpiryWorld = await openWorld({
  env: { ACCESS_TOKEN_TTL: '1h', REFRESH_TOKEN_TTL: '10m', SESSION_MAX_AGE: '1h' },
})
const refreshModelWorld = await openWorld({ env })
const other = await refreshModelWorld.instance()
const sessionLimitWorld = await openWorld()
const sessionLimitOther = await sessionLimitWorld.instance()
await openPools(sessionLimitWorld, sessionLimitOther)
anyTest.after.always(async () => {
  for (const each of [refreshExpiryWorld, refreshModelWorld, sessionLimitWorld])
    await each[Symbol.asyncDispose]()
})

{
  const world = refreshExpiryWorld
  const minute = 60_000
  const { client, clock, travel } = world
  const refresh = (token: string) => client.post('refresh', { refresh_token: token })
  const me = (token: string) => client.get('me', { token })

  test('session is not refreshed → it ends when its refresh token expires', async t => {
    const account = await anAccount(client)
    await travel(clock.shift + 10 * minute - 5000)
    t.is((await me(account.access)).status, 200)
    await travel(clock.shift + 5000)
    const [meReply, refreshed] = [await me(account.access), await refresh(account.refresh)]
    t.is(meReply.status, 401)
    t.is(meReply.body.code, 'SESSION_REVOKED')
    t.is(refreshed.status, 401)
    t.is(refreshed.body.code, 'INVALID_REFRESH_TOKEN')
    t.is(await world.redis.exists(world.keys.session(account.userId, account.sessionId)), 0)
  })

  test('refresh → restarts the idle time', async t => {
    const account = await anAccount(client)
    let token = account.refresh
    for (let i = 0; i < 3; i++) {
      await travel(clock.shift + 9 * minute)
      const { status, body } = await refresh(token)
      t.is(status, 200)
      t.true(body.refresh_expires_in > 595 && body.refresh_expires_in <= 600)
      token = body.refresh_token
    }
  })

  test('session is refreshed again and again → it ends at SESSION_MAX_AGE', async t => {
    const account = await anAccount(client)
    let token = account.refresh
    let access = account.access
    for (let age = 9; age <= 54; age += 9) {
      await travel(clock.shift + 9 * minute)
      const { status, body } = await refresh(token)
      t.is(status, 200, `at ${age} minutes`)
      const expectedSeconds = Math.min(10, 60 - age) * 60
      t.true(
        body.refresh_expires_in > expectedSeconds - 5 && body.refresh_expires_in <= expectedSeconds,
        `at ${age} minutes`,
      )
      token = body.refresh_token
      access = body.access_token
    }
    await travel(clock.shift + 5 * minute)
    const lastRefresh = await refresh(token)
    t.is(lastRefresh.status, 200)
    t.true(lastRefresh.body.refresh_expires_in <= 60)
    await travel(clock.shift + minute)
    t.is((await refresh(lastRefresh.body.refresh_token)).body.code, 'INVALID_REFRESH_TOKEN')
    t.is((await me(access)).body.code, 'SESSION_REVOKED')
    t.is(await world.redis.exists(world.keys.session(account.userId, account.sessionId)), 0)
  })

  test('retry of a refresh → refresh_expires_in is the remaining time, not a new lifetime', async t => {
    const account = await anAccount(client)
    const first = await refresh(account.refresh)
    await travel(clock.shift + 5000)
    const again = await refresh(account.refresh)
    t.is(again.status, 200)
    t.true(again.body.refresh_expires_in <= first.body.refresh_expires_in - 4)
  })

  test('session key in Redis → expires no later than the session', async t => {
    const account = await anAccount(client)
    await travel(clock.shift + 9 * minute)
    let token = (await refresh(account.refresh)).body.refresh_token
    for (let age = 18; age <= 54; age += 9) {
      await travel(clock.shift + 9 * minute)
      token = (await refresh(token)).body.refresh_token
    }
    const ttl = await world.redis.pttl(world.keys.session(account.userId, account.sessionId))
    t.true(ttl > 0 && ttl <= 6 * minute)
  })

  test('expired session → removed from the index at the next login', async t => {
    const { email, password, userId, sessionId } = await anAccount(client)
    await travel(clock.shift + 11 * minute)
    const { session_id } = (await client.post('login', { email, password })).body
    t.deepEqual(await world.redis.zrange(world.keys.sessions(userId), 0, -1), [session_id])
    t.not(session_id, sessionId)
  })
}

{
  const world = refreshModelWorld
  const { travel, sql } = world
  const clients = [world.client, other.client]

  const signUp = async (): Promise<{ model: Model; real: Real }> => {
    await travel(0)
    const account = await anAccount(world.client)
    const model: Model = { sessions: [], password, clock: () => nowOf(world) }
    const { sessionId: session_id, access: access_token, refresh: refresh_token } = account
    addSession(model, nowOf(world), { session_id, access_token, refresh_token })
    return { model, real: { ...world, account, clients } }
  }

  type SessionEvent = { type: string; session_id: string }
  const sessionEvents = ({ account }: Real) =>
    sql<SessionEvent>(
      `SELECT type, session_id FROM audit_events WHERE user_id = $1 AND session_id IS NOT NULL`,
      [account.userId],
    )
  const warnings = ({ account }: Real) =>
    sql(`SELECT 1 FROM emails WHERE user_id = $1 AND kind = 'session_reuse'`, [account.userId])

  /** Checks the final state: live sessions work, ended ones stay ended, and each theft was reported once. */
  const checkFinalState = async (model: Model, real: Real): Promise<void> => {
    const now = await avoidBoundaries(model, real)
    const events = await sessionEvents(real)
    const stolen = model.sessions.filter(({ ended }) => ended === 'by theft').map(({ id }) => id)
    const reused = events.filter(({ type }) => type === 'session.reused').map(event => event.session_id)
    assert.deepEqual(reused.sort(), stolen.toSorted(), 'reported thefts')
    assert.equal((await warnings(real)).length, stolen.length, 'warnings to the owner')
    const ends = events.filter(({ type }) => type === 'session.ended').map(event => event.session_id)
    assert.equal(new Set(ends).size, ends.length, 'a session ended twice')
    for (const session of model.sessions) {
      const live = isLive(session, now)
      for (const client of clients) {
        const token = session.chain.at(-1)
        if (!live)
          assert.equal(
            (await client.post('refresh', { refresh_token: token })).status,
            401,
            'an ended session was refreshed',
          )
        const meReply = await client.get('me', { token: session.accesses.at(-1)?.token })
        if (!live) assert.equal(meReply.status, 401, 'an access token that outlives its session')
      }
      if (live)
        assert.equal(
          (await world.client.post('refresh', { refresh_token: session.chain.at(-1) })).status,
          200,
        )
    }
    assert.equal((await sessionEvents(real)).length, events.length, 'the final requests caused new events')
  }

  test('random sequence of session actions → every reply and event is as the model predicts', async t => {
    let steps = 0
    const sequence = fc.commands(commands, { maxCommands: 25, size: 'max' })
    const property = fc.asyncProperty(sequence, async cmds => {
      const { model, real } = await signUp()
      await fc.asyncModelRun(() => ({ model, real }), cmds)
      await checkFinalState(model, real)
      steps += [...cmds].length
    })
    await fc.assert(property, { numRuns: 60, interruptAfterTimeLimit: 15_000, includeErrorInReport: true })
    t.log(`${steps} steps`)
    t.true(steps > 10, `${steps} steps`)
  })
}

{
  const world = sessionLimitWorld
  const other = sessionLimitOther
  const { client, clock, travel } = world
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
  // Signs in this many times, one second apart.
  const logins = async (account: Account, count: number) => {
    const sessions = []
    for (let i = 0; i < count; i++) {
      await travel(clock.shift + 1000)
      sessions.push(await login(account))
    }
    return sessions
  }

  test('21st session → ends only the session that was inactive for longest', async t => {
    const account = await anAccount(client)
    const [inactive, ...others] = await logins(account, 19)
    await travel(clock.shift + 1000)
    const { body: first } = await refresh(account.refresh)
    t.is((await listed(first.access_token)).length, 20)

    await travel(clock.shift + 1000)
    const last = await login(account)
    const liveIds = [account.sessionId, ...others.map(({ session_id }) => session_id), last.session_id].sort()
    t.deepEqual(await listed(last.access_token), liveIds)
    t.is((await client.get('me', { token: inactive?.access_token })).body.code, 'SESSION_REVOKED')
    t.is((await refresh(inactive?.refresh_token ?? '')).body.code, 'INVALID_REFRESH_TOKEN')
    for (const { refresh_token } of [first, ...others, last]) t.is((await refresh(refresh_token)).status, 200)
  })

  test('limit reached → an active old session stays, the longest inactive one ends', async t => {
    const account = await anAccount(client)
    let token = account.refresh
    for (let week = 0; week < 4; week++) {
      await travel(clock.shift + 6 * day)
      token = (await refresh(token)).body.refresh_token
    }
    await travel(clock.shift + 3 * day)
    const [inactive] = await logins(account, 19)
    await travel(clock.shift + day / 2)
    token = (await refresh(token)).body.refresh_token
    await travel(clock.shift + 1000)
    const { access_token } = await login(account)
    const ids = await listed(access_token)
    t.is(ids.length, 20)
    t.true(ids.includes(account.sessionId))
    t.false(ids.includes(inactive?.session_id ?? ''))
    t.is((await refresh(token)).status, 200)
  })

  test('60 simultaneous logins at two instances → 20 sessions remain', async t => {
    const account = await anAccount(client)
    await travel(clock.shift + 1000)
    const { email, password: word } = account
    const replies = await sendSimultaneously(
      [world.url, other.url],
      times(60, { path: 'login', body: { email, password: word } }),
    )
    t.deepEqual(statusesOf(replies), { 200: 60 })
    const sessions = replies.map(({ body }) => body as Awaited<ReturnType<typeof login>>)
    const meReplies = await Promise.all(
      sessions.map(({ access_token }) => client.get('me', { token: access_token })),
    )
    const live = sessions.filter((_, i) => meReplies[i]?.status === 200)
    t.is(live.length, 20)
    t.is((await client.get('me', { token: account.access })).status, 401)
    t.deepEqual(await listed(live[0]?.access_token ?? ''), live.map(({ session_id }) => session_id).sort())

    const { userId } = account
    t.is(
      (await world.keysLike(world.keys.session(userId, '*'))).length,
      20,
      'the other sessions are deleted from Redis',
    )
    const statuses = await Promise.all(
      sessions.map(async ({ refresh_token }) => (await refresh(refresh_token)).status),
    )
    t.is(statuses.filter(status => status === 200).length, 20)
    t.is(statuses.filter(status => status === 401).length, 40)
  })

  test('one user exceeds the session limit → sessions of another user continue', async t => {
    const [one, another] = [await anAccount(client), await anAccount(client)]
    await logins(one, 22)
    t.is((await refresh(another.refresh)).status, 200)
  })
}
