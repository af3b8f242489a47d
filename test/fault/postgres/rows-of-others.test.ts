import test from 'ava'
import { findUser } from '../../../src/features/users/store.ts'
import { timeouts } from '../../../src/platform/config/timeouts.ts'
import { anAccount } from '../../fixtures.ts'
import { generousTimeouts, openLocalWorld } from '../../local-world.ts'
import { openProxiedInstance, timed } from '../../proxied-instance.ts'
import { until } from '../../until.ts'

// The reads of all requests share a connection, and are answered in the order in which they were asked: whatever
// happens to it, nobody may get the answer of another.

const world = await openLocalWorld()
const { redisCommand } = generousTimeouts
const proxied = await openProxiedInstance(world, undefined, { ...timeouts, redisCommand })
test.after.always(async () => {
  await proxied[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})
const { sql } = world
const crowd: Awaited<ReturnType<typeof anAccount>>[] = []
test.before(async () => {
  const accounts = await Promise.all(Array.from({ length: 12 }, () => anAccount(world.client)))
  for (let i = 0; i < 10; i++) crowd.push(...accounts)
})

/** What each of the crowd is told, and whether any of it is another's. */
const askAll = async (client = world.client) => {
  const replies = await Promise.all(crowd.map(account => client.get('me', { token: account.access })))
  const foreign = replies.filter((reply, i) => reply.status === 200 && reply.body.id !== crowd[i]?.userId)
  return { served: replies.filter(({ status }) => status === 200).length, replies, foreign: foreign.length }
}

const others = () =>
  sql(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'latchkey'`,
  )

test.serial('each of a crowd is told of itself', async t => {
  for (let round = 0; round < 5; round++) {
    const { served, foreign } = await askAll()
    t.is(served, crowd.length)
    t.is(foreign, 0)
  }
})

test.serial('so it is while connections are ended over and over', async t => {
  let served = 0
  for (let round = 0; round < 20; round++) {
    const asking = askAll()
    await others()
    const { foreign, replies, ...rest } = await asking
    t.is(foreign, 0)
    t.deepEqual(
      replies.filter(({ status }) => status !== 200 && status !== 503),
      [],
    )
    served += rest.served
  }
  t.true(served > 0)
  t.is((await askAll()).foreign, 0)
})

test.serial('a read that fails is the failure of nobody else', async t => {
  const reads = crowd.map((account, i) =>
    findUser(world.deps.reads, i % 3 === 0 ? 'no id' : account.userId).then(
      user => user?.id,
      (error: { code?: string }) => error.code,
    ),
  )
  t.deepEqual(
    await Promise.all(reads),
    crowd.map((account, i) => (i % 3 === 0 ? '22P02' : account.userId)),
  )
})

test.serial(
  'where Postgres hangs everybody is told so in time, and nobody gets a late answer of another',
  async t => {
    t.is((await askAll(proxied.client)).served, crowd.length)
    proxied.postgres.pause()
    const asked = await Promise.all(
      crowd.map(account => timed(proxied.client.get('me', { token: account.access }))),
    )
    t.deepEqual([...new Set(asked.map(({ reply }) => reply.status))], [503])
    // Five seconds, and what else this machine has to do.
    t.true(Math.max(...asked.map(({ took }) => took)) < 8000)
    proxied.postgres.heal()
    await until('all are served again', async () => {
      const { served, foreign } = await askAll(proxied.client)
      if (foreign > 0) throw new Error('an answer of another')
      return served === crowd.length
    })
    t.pass()
  },
)
