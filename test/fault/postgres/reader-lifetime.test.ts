import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import pg from 'pg'
import { openPipelinedReader } from '../../../src/platform/postgres/pipelined-reader.ts'
import { openLocalWorld } from '../../local-world.ts'
import { until } from '../../until.ts'

// After a failover a host name leads to a new server, while the old one may still answer. A service that kept its
// connection to the old one would accept users that the new one has deactivated.

const world = await openLocalWorld()
test.after.always(() => world[Symbol.asyncDispose]())
const options = { connectionString: world.env.DATABASE_URL, application_name: 'reader' }
const openReader = (lifetime: number) => openPipelinedReader(options, world.deps.log, lifetime)

const query = { text: 'SELECT pg_backend_pid() AS pid, $1::int AS number' }
type Answer = { pid: number; number: number }

const connections = () =>
  world.sql(
    `SELECT 1 FROM pg_stat_activity WHERE application_name = 'reader' AND datname = current_database()`,
  )

test.serial(
  'the connection for reads is replaced during reads → no read is lost, and no connection stays open',
  async t => {
    const reader = openReader(30)
    const pids = new Set<number>()
    for (let round = 0; round < 25; round++) {
      const numbers = Array.from({ length: 40 }, (_, i) => round * 100 + i)
      const answers = await Promise.all(
        numbers.map(number => reader.query<Answer>({ ...query, values: [number] })),
      )
      t.deepEqual(
        answers.map(([row]) => row?.number),
        numbers,
      )
      for (const [row] of answers) pids.add(row?.pid ?? 0)
      await sleep(5)
    }
    t.true(pids.size > 1, 'more than one connection answers')
    reader.close()
    await until('every connection to be gone', async () => (await connections()).length === 0)
  },
)

test.serial('the connection for reads is younger than its lifetime → it is kept', async t => {
  const reader = openReader(60_000)
  const pids = new Set<number>()
  for (let i = 0; i < 20; i++)
    for (const { pid } of await reader.query<Answer>({ ...query, values: [i] })) pids.add(pid)
  t.is(pids.size, 1)
  reader.close()
  await until('every connection to be gone', async () => (await connections()).length === 0)
})

test.serial('Postgres refuses a new connection for reads → the old connection continues', async t => {
  const reader = openReader(1)
  const ask = async () => (await reader.query<Answer>({ ...query, values: [1] }))[0]?.number
  t.is(await ask(), 1)
  const name = new URL(world.env.DATABASE_URL ?? '').pathname.slice(1)
  const other = new URL(world.env.DATABASE_URL ?? '')
  other.pathname = '/postgres'
  const admin = new pg.Client({ connectionString: other.href })
  await admin.connect()
  await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`)
  try {
    for (let i = 0; i < 10; i++) {
      t.is(await ask(), 1)
      await sleep(10)
    }
  } finally {
    await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`)
    await admin.end()
  }
  reader.close()
})
