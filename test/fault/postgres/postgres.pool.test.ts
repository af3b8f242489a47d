import test from 'ava'
import pg from 'pg'
import { findUser } from '../../../src/features/users/store.ts'
import { defaultTimeouts as timeouts } from '../../../src/platform/config/timeouts.ts'
import { openPostgres, poolOf } from '../../../src/platform/postgres/postgres.ts'
import { anAccount, anEmail } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { timed } from '../../proxied-instance.ts'
import { until } from '../../until.ts'

const world = await openLocalWorld({ timeouts })
test.after.always(() => world[Symbol.asyncDispose]())
const { client, deps, sql } = world

/** Ends every connection of the service, as an administrator of Postgres or a failover does. */
const killAll = (query = sql) =>
  query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'latchkey'`,
  )

test.serial(
  'the connection of a read is ended → the read is retried, and at least 72 of 80 requests succeed',
  async t => {
    const account = await anAccount(client)
    const replies: number[] = []
    for (let i = 0; i < 10; i++) {
      const asking = Promise.all(Array.from({ length: 8 }, () => client.get('me', { token: account.access })))
      await killAll()
      replies.push(...(await asking).map(({ status }) => status))
    }
    t.deepEqual(
      replies.filter(status => status !== 200 && status !== 503),
      [],
    )
    t.true(
      replies.filter(status => status === 200).length >= 72,
      `${replies.filter(s => s !== 200).length} refused`,
    )
  },
)

test.serial(
  'the connection of a read is ended while it waits for a lock → another connection answers it',
  async t => {
    // With longer timeouts: on a busy machine the lock may be held for longer than those of production.
    await using slow = await openLocalWorld()
    const account = await anAccount(slow.client)
    const holder = new pg.Client({ connectionString: slow.env.DATABASE_URL })
    await holder.connect()
    await holder.query('BEGIN')
    await holder.query('LOCK TABLE users IN ACCESS EXCLUSIVE MODE')
    const reading = findUser(slow.deps.reads, account.userId)
    await until('the read to wait', async () => {
      const waiting = await slow.sql(
        `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%FROM users%'`,
      )
      return waiting.length > 0
    })
    await killAll(slow.sql)
    await holder.query('COMMIT')
    await holder.end()
    t.is((await reading)?.id, account.userId)
  },
)

test.serial('a connection is ended between the statements of a transaction → 503, never 500', async t => {
  const statuses: number[] = []
  for (let i = 0; i < 25; i++) {
    const asked = Promise.all(
      Array.from({ length: 8 }, () => client.post('login', { email: anEmail(), password: 'wrong horse 9' })),
    )
    for (let k = 0; k < 6; k++) {
      await new Promise(resolve => setTimeout(resolve, Math.random() * 6))
      await killAll()
    }
    statuses.push(...(await asked).map(({ status }) => status))
  }
  t.deepEqual(
    statuses.filter(status => status !== 401 && status !== 503),
    [],
  )
})

test.serial(
  'a transaction times out with its ROLLBACK → the next transaction commits nothing of it',
  async t => {
    const database = await openPostgres({
      url: String(world.env.DATABASE_URL),
      log: deps.log,
      entities: [],
      poolSize: 1,
      // A query times out 250 ms later.
      timeouts: { ...timeouts, postgresStatement: 50 },
    })
    t.teardown(() => database.destroy())
    await sql('CREATE TABLE written (by text)')
    const hung = database.transaction(async manager => {
      await manager.query(`INSERT INTO written VALUES ('the transaction that timed out')`)
      await manager.query('SET LOCAL statement_timeout = 0')
      await manager.query('SELECT pg_sleep(0.8)')
    })
    await t.throwsAsync(hung, { message: /^Query read timeout/ })
    await until('the next transaction to be served', async () => {
      const next = database.transaction(manager => manager.query(`INSERT INTO written VALUES ('the next')`))
      return next.then(
        () => true,
        () => false,
      )
    })
    t.deepEqual(await sql('SELECT by FROM written'), [{ by: 'the next' }])
  },
)

test.serial('every connection of the pool is taken → further requests get 503 at once', async t => {
  const account = await anAccount(client)
  const pool = poolOf(deps.database)
  const taken = await Promise.all(Array.from({ length: 10 }, () => pool.connect()))
  // The pool waits for each connection when it closes.
  const releaseAll = () => {
    for (const connection of taken.splice(0)) connection.release()
  }
  t.teardown(releaseAll)
  const asked = Array.from({ length: 120 }, () => timed(client.post('forgot-password', { email: anEmail() })))
  const answers = await Promise.all(asked)
  t.is(pool.waitingCount, 0)
  t.deepEqual([...new Set(answers.map(({ reply }) => reply.status))], [503])
  for (const { reply, took } of answers) {
    t.true(Number(reply.headers.get('retry-after')) >= 1)
    // Five seconds, and some more for a busy machine.
    t.true(took < 8000)
  }
  const atOnce = world.logs.filter(line => line.includes('ERR_POOL_BUSY'))
  t.true(atOnce.length > 0)
  await until('reads of the session to use the connection for reads', async () => {
    const { status } = await client.get('me', { token: account.access })
    return status === 200
  })
  releaseAll()
  t.is((await client.post('forgot-password', { email: anEmail() })).status, 202)
})
