import test from 'ava'
import { defaultTimeouts as timeouts } from '../../src/platform/config/timeouts.ts'
import { brokenInvariants } from '../chaos/invariants.ts'
import { startLoad } from '../chaos/load.ts'
import { anApi } from '../chaos/processes.ts'
import { type Breakpoint, openWireBreakpoint } from '../chaos/wire-breakpoint.ts'
import type { Client, Reply } from '../client.ts'
import { anAccount, anEmail, password } from '../fixtures.ts'
import { newPassword, userWithResetMail } from '../integration/passwords/user-with-reset-mail.ts'
import { openLocalWorld } from '../local-world.ts'
import { kill } from '../spawn.ts'
import { until } from '../until.ts'

// A process is killed at the exact moment at which it sends a command to a store: before the store gets the command, or
// before the process gets the answer. Its client then asks another instance.

const world = await openLocalWorld({ timeouts, worker: true, singleRedis: true })
test.after.always(() => world[Symbol.asyncDispose]())

type Step = Breakpoint & { store: 'postgres' | 'redis' }

/** Sends a request to an instance that is killed at this step. Throws if the instance answers anyway. */
const killDuring = async (step: Step, send: (client: Client) => Promise<Reply>): Promise<void> => {
  const { DATABASE_URL, REDIS_URL } = world.config
  await using postgres = await openWireBreakpoint(DATABASE_URL, '5432')
  await using redis = await openWireBreakpoint(REDIS_URL, '6379')
  const urls = { DATABASE_URL: postgres.through(DATABASE_URL), REDIS_URL: redis.through(REDIS_URL) }
  const { child, client } = await anApi(world, urls)
  const hit = new Promise<string>(resolve => {
    const breakpoint = { postgres, redis }[step.store]
    breakpoint.set(step, () => {
      child.kill('SIGKILL')
      resolve('killed')
    })
  })
  const reply = send(client).then(
    ({ status }) => `answered ${status}`,
    () => 'cut off',
  )
  const outcome = await Promise.race([hit, reply])
  if (outcome !== 'killed') throw new Error(`the instance was not killed: ${outcome}`)
  await kill(child)
  if ((await reply) !== 'cut off') throw new Error(`it was killed too late: ${await reply}`)
}

const before = (store: Step['store'], bytes: string): Step => ({ store, bytes, answered: false })
const after = (store: Step['store'], bytes: string): Step => ({ store, bytes, answered: true })
const count = async (text: string, values: unknown[]) => (await world.sql(text, values)).length

const registering: [string, Step, 'nothing' | 'all'][] = [
  ['before the account is written', before('postgres', 'INSERT INTO "users"'), 'nothing'],
  ['after its email is queued', after('postgres', 'INSERT INTO emails'), 'nothing'],
  ['before it commits', before('postgres', 'COMMIT'), 'nothing'],
  ['after its commit', after('postgres', 'COMMIT'), 'all'],
  ['after its session began', after('redis', ':session:'), 'all'],
]
for (const [moment, step, left] of registering)
  test.serial(
    `an instance is killed in a registration, ${moment} → ${left} of it is stored, a retry is safe`,
    async t => {
      const email = anEmail()
      const body = { email, password }
      await killDuring(step, client => client.post('register', body))
      const rows = left === 'all' ? 1 : 0
      t.is(await count('SELECT 1 FROM users WHERE email = $1', [email]), rows)
      t.is(await count('SELECT 1 FROM emails WHERE recipient = $1', [email]), rows, 'its email')

      const again = await world.client.post('register', body)
      t.is(again.status, left === 'all' ? 409 : 201)
      t.is((await world.client.post('login', body)).status, 200)
      t.is((await world.mails.to(email)).to[0], email)
      t.is(await count('SELECT 1 FROM emails WHERE recipient = $1', [email]), 1)
    },
  )

const resetting: [string, Step, 'nothing' | 'all'][] = [
  ['after the password is written', after('postgres', 'UPDATE "users"'), 'nothing'],
  ['before it commits', before('postgres', 'COMMIT'), 'nothing'],
  ['after its commit', after('postgres', 'COMMIT'), 'all'],
  ['before the sessions are deleted', before('redis', ':sessions'), 'all'],
]
for (const [moment, step, left] of resetting)
  test.serial(
    `an instance is killed in a password reset, ${moment} → ${left} of it is done, a retry is safe`,
    async t => {
      const { email, access, reset } = await userWithResetMail(world)
      const body = { token: reset.token, new_password: newPassword }
      await killDuring(step, client => client.post('reset-password', body))
      const notices = (status: string) =>
        count(`SELECT 1 FROM emails WHERE recipient = $1 AND kind = 'password_changed' AND status <> $2`, [
          email,
          status,
        ])
      const isDone = left === 'all'
      const loginBy = async (word: string) =>
        (await world.client.post('login', { email, password: word })).status
      t.is(await loginBy(isDone ? password : newPassword), 401)
      t.is((await world.client.get('me', { token: access })).status, isDone ? 401 : 200)
      t.is(await notices(''), isDone ? 1 : 0)

      t.is((await world.client.post('reset-password', body)).status, 204)
      t.is(await loginBy(newPassword), 200)
      t.is((await world.client.get('me', { token: access })).status, 401)
      await until('the notice to its owner', async () => (await notices('queued')) === 1)
    },
  )

const refreshing: [string, Step][] = [
  ['before the token is used', before('redis', ':session:')],
  ['after the token was used', after('redis', ':session:')],
]
for (const [moment, step] of refreshing)
  test.serial(
    `an instance is killed during a refresh, ${moment} → another instance continues the same session`,
    async t => {
      const { userId, sessionId, ...account } = await anAccount(world.client)
      const first = await world.client.post('refresh', { refresh_token: account.refresh })
      const token = first.body.refresh_token
      await killDuring(step, client => client.post('refresh', { refresh_token: token }))
      const [again, tab] = await Promise.all([
        world.client.post('refresh', { refresh_token: token }),
        world.client.post('refresh', { refresh_token: token }),
      ])
      t.deepEqual([again.status, tab.status], [200, 200])
      t.is(again.body.refresh_token, tab.body.refresh_token)
      t.is(again.body.session_id, sessionId)
      const next = await world.client.post('refresh', { refresh_token: again.body.refresh_token })
      t.is(next.status, 200)
      t.is((await world.client.get('me', { token: next.body.access_token })).status, 200)
      t.is(
        await count(`SELECT 1 FROM audit_events WHERE user_id = $1 AND type = 'session.reused'`, [userId]),
        0,
      )
    },
  )

test.serial('one of two instances is killed under load → only its open requests fail', async t => {
  const { child, url } = await anApi(world)
  let urls = [world.url, url]
  await using load = await startLoad(world, { urls: () => urls })
  await load.served(60)
  load.faultBegins()
  await kill(child)
  await load.served(30)
  urls = [world.url, (await anApi(world)).url]
  await load.recovered()
  await load.served(30)
  await load.stop()
  t.deepEqual(await brokenInvariants(load, { unanswered: true }), [])
  t.true(
    load.answers.some(({ status }) => status === 0),
    'a request went unanswered',
  )
})
