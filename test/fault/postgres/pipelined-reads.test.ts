import test from 'ava'
import { findUser } from '../../../src/features/users/store.ts'
import { defaultTimeouts as timeouts } from '../../../src/platform/config/timeouts.ts'
import { anAccount } from '../../fixtures.ts'
import { generousTimeouts, openLocalWorld } from '../../local-world.ts'
import { openProxiedInstance, timed } from '../../proxied-instance.ts'
import { until } from '../../until.ts'

// The reads of all requests share one connection, and Postgres answers them in their order. Even if the connection fails,
// no request may get the answer to another.

const world = await openLocalWorld()
const { redisCommand } = generousTimeouts
const proxied = await openProxiedInstance(world, undefined, { ...timeouts, redisCommand })
test.after.always(async () => {
  await proxied[Symbol.asyncDispose]()
  await world[Symbol.asyncDispose]()
})
const { sql } = world
const load: Awaited<ReturnType<typeof anAccount>>[] = []
test.before(async () => {
  const accounts = await Promise.all(Array.from({ length: 12 }, () => anAccount(world.client)))
  for (let i = 0; i < 10; i++) load.push(...accounts)
})

/** Sends a request for each account, and counts the replies about another account. */
const askAll = async (client = world.client) => {
  const replies = await Promise.all(load.map(account => client.get('me', { token: account.access })))
  const foreign = replies.filter((reply, i) => reply.status === 200 && reply.body.id !== load[i]?.userId)
  return { served: replies.filter(({ status }) => status === 200).length, replies, foreign: foreign.length }
}

const endConnections = () =>
  sql(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'latchkey'`,
  )

test.serial('120 simultaneous requests → each gets the profile of its own account', async t => {
  for (let round = 0; round < 5; round++) {
    const { served, foreign } = await askAll()
    t.is(served, load.length)
    t.is(foreign, 0)
  }
})

test.serial(
  'connections are ended again and again during 120 requests → no reply is about another account',
  async t => {
    let served = 0
    for (let round = 0; round < 20; round++) {
      const asking = askAll()
      await endConnections()
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
  },
)

test.serial('a third of the reads on one connection fails → the other reads succeed', async t => {
  const reads = load.map((account, i) =>
    findUser(world.deps.reads, i % 3 === 0 ? 'no id' : account.userId).then(
      user => user?.id,
      (error: { code?: string }) => error.code,
    ),
  )
  t.deepEqual(
    await Promise.all(reads),
    load.map((account, i) => (i % 3 === 0 ? '22P02' : account.userId)),
  )
})

test.serial(
  'Postgres hangs during 120 requests → 503 in time, and no later reply is about another account',
  async t => {
    t.is((await askAll(proxied.client)).served, load.length)
    proxied.postgres.pause()
    const asked = await Promise.all(
      load.map(account => timed(proxied.client.get('me', { token: account.access }))),
    )
    t.deepEqual([...new Set(asked.map(({ reply }) => reply.status))], [503])
    // Five seconds, and some more for a busy machine.
    t.true(Math.max(...asked.map(({ took }) => took)) < 8000)
    proxied.postgres.heal()
    await until('every request to be served again', async () => {
      const { served, foreign } = await askAll(proxied.client)
      if (foreign > 0) throw new Error('a reply about another account')
      return served === load.length
    })
    t.pass()
  },
)
