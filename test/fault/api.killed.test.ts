import test from 'ava'
import { timeouts } from '../../src/platform/config/timeouts.ts'
import type { Client, Reply } from '../client.ts'
import { anAccount, anEmail, password } from '../fixtures.ts'
import { newPassword, userWithResetMail } from '../integration/passwords/user-with-reset-mail.ts'
import { openLocalWorld } from '../local-world.ts'
import { kill } from '../spawn.ts'
import { until } from '../until.ts'
import { brokenInvariants } from './invariants.ts'
import { anApi } from './processes.ts'
import { startCrowd } from './traffic.ts'
import { type Mark, openTrap } from './trap.ts'

// A process is killed at the very moment at which it says something to a store: before the store hears it, or after
// the store has answered and before the answer is heard. Its client asks another instance then.

const world = await openLocalWorld({ timeouts, worker: true, singleRedis: true })
test.after.always(() => world[Symbol.asyncDispose]())

type Step = Mark & { store: 'postgres' | 'redis' }

/** Asks an instance that is killed at the step; throws where it answers all the same. */
const askTheDying = async (step: Step, send: (client: Client) => Promise<Reply>): Promise<void> => {
  const { DATABASE_URL, REDIS_URL } = world.config
  await using postgres = await openTrap(DATABASE_URL, '5432')
  await using redis = await openTrap(REDIS_URL, '6379')
  const urls = { DATABASE_URL: postgres.through(DATABASE_URL), REDIS_URL: redis.through(REDIS_URL) }
  const { child, client } = await anApi(world, urls)
  const sprung = new Promise<string>(resolve => {
    const trap = { postgres, redis }[step.store]
    trap.set(step, () => {
      child.kill('SIGKILL')
      resolve('killed')
    })
  })
  const reply = send(client).then(
    ({ status }) => `answered ${status}`,
    () => 'cut off',
  )
  const outcome = await Promise.race([sprung, reply])
  if (outcome !== 'killed') throw new Error(`the instance was not killed: ${outcome}`)
  await kill(child)
  if ((await reply) !== 'cut off') throw new Error(`it was killed too late: ${await reply}`)
}

const asked = (store: Step['store'], bytes: string): Step => ({ store, bytes, answered: false })
const done = (store: Step['store'], bytes: string): Step => ({ store, bytes, answered: true })
const count = async (text: string, values: unknown[]) => (await world.sql(text, values)).length

const registering: [string, Step, 'nothing' | 'all'][] = [
  ['before the account is written', asked('postgres', 'INSERT INTO "users"'), 'nothing'],
  ['after its mail is written', done('postgres', 'INSERT INTO "emails"'), 'nothing'],
  ['before it commits', asked('postgres', 'COMMIT'), 'nothing'],
  ['when it has committed', done('postgres', 'COMMIT'), 'all'],
  ['when its session has begun', done('redis', ':session:'), 'all'],
]
for (const [moment, step, left] of registering)
  test.serial(`registering, killed ${moment}: ${left} of it is there, and asking again is safe`, async t => {
    const email = anEmail()
    const body = { email, password }
    await askTheDying(step, client => client.post('register', body))
    const rows = left === 'all' ? 1 : 0
    t.is(await count('SELECT 1 FROM users WHERE email = $1', [email]), rows)
    t.is(await count('SELECT 1 FROM emails WHERE recipient = $1', [email]), rows, 'its mail')

    const again = await world.client.post('register', body)
    t.is(again.status, left === 'all' ? 409 : 201)
    t.is((await world.client.post('login', body)).status, 200)
    t.is((await world.mails.to(email)).to[0], email)
    t.is(await count('SELECT 1 FROM emails WHERE recipient = $1', [email]), 1)
  })

const resetting: [string, Step, 'nothing' | 'all'][] = [
  ['after the password is written', done('postgres', 'UPDATE "users"'), 'nothing'],
  ['before it commits', asked('postgres', 'COMMIT'), 'nothing'],
  ['when it has committed', done('postgres', 'COMMIT'), 'all'],
  ['before the sessions are dropped', asked('redis', ':sessions'), 'all'],
]
for (const [moment, step, left] of resetting)
  test.serial(
    `resetting a password, killed ${moment}: ${left} of it is done, and asking again is safe`,
    async t => {
      const { email, access, reset } = await userWithResetMail(world)
      const body = { token: reset.token, new_password: newPassword }
      await askTheDying(step, client => client.post('reset-password', body))
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
      await until('its owner to be told', async () => (await notices('queued')) === 1)
    },
  )

const refreshing: [string, Step][] = [
  ['before the token is spent', asked('redis', ':session:')],
  ['when the token has been spent', done('redis', ':session:')],
]
for (const [moment, step] of refreshing)
  test.serial(`refreshing, killed ${moment}: another instance goes on with the same chain`, async t => {
    const { userId, sessionId, ...account } = await anAccount(world.client)
    const first = await world.client.post('refresh', { refresh_token: account.refresh })
    const token = first.body.refresh_token
    await askTheDying(step, client => client.post('refresh', { refresh_token: token }))
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
  })

test.serial('a crowd that loses one of two instances loses nothing else', async t => {
  const { child, url } = await anApi(world)
  let urls = [world.url, url]
  await using crowd = await startCrowd(world, { urls: () => urls })
  await crowd.served(60)
  crowd.struck()
  await kill(child)
  await crowd.served(30)
  urls = [world.url, (await anApi(world)).url]
  await crowd.recovered()
  await crowd.served(30)
  await crowd.stop()
  t.deepEqual(await brokenInvariants(crowd, { unanswered: true }), [])
  t.true(
    crowd.answers.some(({ status }) => status === 0),
    'somebody was cut off or refused',
  )
})
