import assert from 'node:assert/strict'
import anyTest from 'ava'
import fc from 'fast-check'
import { anAccount, password } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import { commands } from './refresh-commands.ts'
import { begin, env, keepClear, lives, type Model, nowOf, type Real } from './refresh-model.ts'

// The ends of a session in time, by examples and by a model.

const test = anyTest.serial

const refreshExpiryWorld = await openWorld({
  env: { ACCESS_TOKEN_TTL: '1h', REFRESH_TOKEN_TTL: '10m', SESSION_MAX_AGE: '1h' },
})
const refreshModelWorld = await openWorld({ env })
const other = await refreshModelWorld.instance()
anyTest.after.always(async () => {
  for (const each of [refreshExpiryWorld, refreshModelWorld]) await each[Symbol.asyncDispose]()
})

{
  const world = refreshExpiryWorld
  const minute = 60_000
  const { client, clock, travel } = world
  const refresh = (token: string) => client.post('refresh', { refresh_token: token })
  const me = (token: string) => client.get('me', { token })

  test('a session that is not refreshed ends when its refresh token expires', async t => {
    const account = await anAccount(client)
    await travel(clock.shift + 10 * minute - 5000)
    t.is((await me(account.access)).status, 200)
    await travel(clock.shift + 5000)
    const [asked, refreshed] = [await me(account.access), await refresh(account.refresh)]
    t.is(asked.status, 401)
    t.is(asked.body.code, 'SESSION_REVOKED')
    t.is(refreshed.status, 401)
    t.is(refreshed.body.code, 'INVALID_REFRESH_TOKEN')
    t.is(await world.redis.exists(world.keys.session(account.userId, account.sessionId)), 0)
  })

  test('each refresh begins the idle time anew', async t => {
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

  test('a session ends at its greatest age, however often it is refreshed', async t => {
    const account = await anAccount(client)
    let token = account.refresh
    let access = account.access
    for (let age = 9; age <= 54; age += 9) {
      await travel(clock.shift + 9 * minute)
      const { status, body } = await refresh(token)
      t.is(status, 200, `at ${age} minutes`)
      const left = Math.min(10, 60 - age) * 60
      t.true(body.refresh_expires_in > left - 5 && body.refresh_expires_in <= left, `at ${age} minutes`)
      token = body.refresh_token
      access = body.access_token
    }
    await travel(clock.shift + 5 * minute)
    const late = await refresh(token)
    t.is(late.status, 200)
    t.true(late.body.refresh_expires_in <= 60)
    await travel(clock.shift + minute)
    t.is((await refresh(late.body.refresh_token)).body.code, 'INVALID_REFRESH_TOKEN')
    t.is((await me(access)).body.code, 'SESSION_REVOKED')
    t.is(await world.redis.exists(world.keys.session(account.userId, account.sessionId)), 0)
  })

  test('a retry near the end is told what is left, not a new life', async t => {
    const account = await anAccount(client)
    const first = await refresh(account.refresh)
    await travel(clock.shift + 5000)
    const again = await refresh(account.refresh)
    t.is(again.status, 200)
    t.true(again.body.refresh_expires_in <= first.body.refresh_expires_in - 4)
  })

  test('Redis forgets a session by itself no later than it expires', async t => {
    const account = await anAccount(client)
    await travel(clock.shift + 9 * minute)
    let token = (await refresh(account.refresh)).body.refresh_token
    for (let age = 18; age <= 54; age += 9) {
      await travel(clock.shift + 9 * minute)
      token = (await refresh(token)).body.refresh_token
    }
    const life = await world.redis.pttl(world.keys.session(account.userId, account.sessionId))
    t.true(life > 0 && life <= 6 * minute)
  })

  test('a session that has expired leaves the index at the next login', async t => {
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
    begin(model, nowOf(world), { session_id, access_token, refresh_token })
    return { model, real: { ...world, account, clients } }
  }

  type Told = { type: string; session_id: string }
  const told = ({ account }: Real) =>
    sql<Told>(`SELECT type, session_id FROM audit_events WHERE user_id = $1 AND session_id IS NOT NULL`, [
      account.userId,
    ])
  const warnings = ({ account }: Real) =>
    sql(`SELECT 1 FROM emails WHERE user_id = $1 AND kind = 'session_reuse'`, [account.userId])

  /** What is left when nothing more happens: who is in is in, who is out stays out, and each theft was told once. */
  const settle = async (model: Model, real: Real): Promise<void> => {
    const now = await keepClear(model, real)
    const events = await told(real)
    const stolen = model.sessions.filter(({ ended }) => ended === 'by theft').map(({ id }) => id)
    const reused = events.filter(({ type }) => type === 'session.reused').map(event => event.session_id)
    assert.deepEqual(reused.sort(), stolen.toSorted(), 'thefts that were told')
    assert.equal((await warnings(real)).length, stolen.length, 'warnings to the owner')
    const ends = events.filter(({ type }) => type === 'session.ended').map(event => event.session_id)
    assert.equal(new Set(ends).size, ends.length, 'a session ended twice')
    for (const session of model.sessions) {
      const isIn = lives(session, now)
      for (const client of clients) {
        const token = session.chain.at(-1)
        if (!isIn)
          assert.equal((await client.post('refresh', { refresh_token: token })).status, 401, 'it stays ended')
        const asked = await client.get('me', { token: session.accesses.at(-1)?.token })
        if (!isIn) assert.equal(asked.status, 401, 'an access token that outlives its session')
      }
      if (isIn)
        assert.equal(
          (await world.client.post('refresh', { refresh_token: session.chain.at(-1) })).status,
          200,
        )
    }
    assert.equal((await told(real)).length, events.length, 'what had ended was told again')
  }

  test('whatever happens to sessions in whatever order, they do as the model says', async t => {
    let steps = 0
    const story = fc.commands(commands, { maxCommands: 25, size: 'max' })
    const property = fc.asyncProperty(story, async cmds => {
      const { model, real } = await signUp()
      await fc.asyncModelRun(() => ({ model, real }), cmds)
      await settle(model, real)
      steps += [...cmds].length
    })
    await fc.assert(property, { numRuns: 60, interruptAfterTimeLimit: 15_000, includeErrorInReport: true })
    t.log(`${steps} steps`)
    t.true(steps > 10, `${steps} steps`)
  })
}
