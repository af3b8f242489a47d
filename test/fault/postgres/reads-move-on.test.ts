import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import pg from 'pg'
import { openPipelinedReader } from '../../../src/platform/postgres/pipelined-reader.ts'
import { openLocalWorld } from '../../local-world.ts'
import { until } from '../../until.ts'

// Where a name leads to another server after a failover, the old one may go on answering. Whoever kept a connection to
// it for ever would let in whom the new one knows to be gone.

const world = await openLocalWorld()
test.after.always(() => world[Symbol.asyncDispose]())
const options = { connectionString: world.env.DATABASE_URL, application_name: 'a line' }
const open = (lifetime: number) => openPipelinedReader(options, world.deps.log, lifetime)

const asking = { text: 'SELECT pg_backend_pid() AS pid, $1::int AS number' }
type Answer = { pid: number; number: number }

const connections = () =>
  world.sql(
    `SELECT 1 FROM pg_stat_activity WHERE application_name = 'a line' AND datname = current_database()`,
  )

test.serial('a connection for reads is replaced while reads go on, and none is lost or left', async t => {
  const line = open(30)
  const pids = new Set<number>()
  for (let round = 0; round < 25; round++) {
    const numbers = Array.from({ length: 40 }, (_, i) => round * 100 + i)
    const answers = await Promise.all(
      numbers.map(number => line.query<Answer>({ ...asking, values: [number] })),
    )
    t.deepEqual(
      answers.map(([row]) => row?.number),
      numbers,
    )
    for (const [row] of answers) pids.add(row?.pid ?? 0)
    await sleep(5)
  }
  t.true(pids.size > 1, 'another connection answers')
  line.close()
  await until('every connection to be gone', async () => (await connections()).length === 0)
})

test.serial('one that is young is kept', async t => {
  const line = open(60_000)
  const pids = new Set<number>()
  for (let i = 0; i < 20; i++)
    for (const { pid } of await line.query<Answer>({ ...asking, values: [i] })) pids.add(pid)
  t.is(pids.size, 1)
  line.close()
  await until('every connection to be gone', async () => (await connections()).length === 0)
})

test.serial('where no new one can be had, the old one goes on', async t => {
  const line = open(1)
  const ask = async () => (await line.query<Answer>({ ...asking, values: [1] }))[0]?.number
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
  line.close()
})
