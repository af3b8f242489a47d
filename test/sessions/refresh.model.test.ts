import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import { anAccount, password } from '../make.ts'
import { openWorld } from '../world.ts'
import { commands } from './refresh-commands.ts'
import { begin, env, keepClear, lives, type Model, nowOf, type Real } from './refresh-model.ts'

const world = await openWorld({ env })
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())

const { clock, sql } = world
const clients = [world.client, other.client]

const signUp = async (): Promise<{ model: Model; real: Real }> => {
  clock.shift = 0
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
  const now = keepClear(model, real)
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
      assert.equal((await world.client.post('refresh', { refresh_token: session.chain.at(-1) })).status, 200)
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
