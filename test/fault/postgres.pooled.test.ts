import { randomBytes } from 'node:crypto'
import anyTest, { type ExecutionContext } from 'ava'
import pg from 'pg'
import { queryOnce } from '../../src/dev-services/probe.ts'
import { openLog } from '../../src/platform/base/log.ts'
import { defaultTimeouts as timeouts } from '../../src/platform/config/timeouts.ts'
import { openDatabase, openPostgres, poolOf } from '../../src/platform/postgres/postgres.ts'
import { findConnection } from '../../src/platform/postgres/postgres-connection.ts'
import { openPreparedReads } from '../../src/platform/postgres/prepared-read.ts'
import { migrate } from '../../src/processes/migrate/migrate.ts'
import { migrations } from '../../src/processes/migrate/migrations.ts'
import { openPgBouncer } from '../chaos/pgbouncer-server.ts'
import { openOwnPostgres } from '../chaos/servers.ts'
import { anAccount, anEmail, password } from '../fixtures.ts'
import { runCommand } from '../integration/cli/run-command.ts'
import { openLocalWorld } from '../local-world.ts'
import { pgBouncer } from '../pgbouncer.ts'
import { testSecret } from '../template.ts'
import { until } from '../until.ts'

// A real PgBouncer between the service and Postgres. In transaction mode each transaction may get another server
// connection: session settings, session-level advisory locks and named statements are lost or leak.

const test = pgBouncer ? anyTest.serial : anyTest.serial.skip
const silent = openLog('test', 'silent')
const postgres = pgBouncer ? await openOwnPostgres() : undefined
anyTest.after.always(() => postgres?.[Symbol.asyncDispose]())

/** The settings of `pgbouncer.ini` under which the service runs. Few server connections are shared by many clients. */
const modes = {
  'transaction mode': ['pool_mode = transaction', 'default_pool_size = 3'],
  'transaction mode that ignores options': [
    ...['pool_mode = transaction', 'default_pool_size = 3', 'ignore_startup_parameters = options'],
  ],
  'session mode': ['pool_mode = session', 'default_pool_size = 60'],
}

/** Creates an empty database behind a PgBouncer with these settings. Returns both of its URLs. */
const openPooledDatabase = async (t: ExecutionContext, settings: string[]) => {
  if (!postgres) throw new Error('Postgres was not started')
  const pooler = await openPgBouncer(postgres, settings)
  const name = `lk_${randomBytes(6).toString('hex')}`
  await queryOnce(postgres.url, `CREATE DATABASE ${name}`)
  t.teardown(async () => {
    await pooler[Symbol.asyncDispose]()
    await queryOnce(postgres.url, `DROP DATABASE ${name} WITH (FORCE)`)
  })
  const direct = new URL(postgres.url)
  direct.pathname = `/${name}`
  return { name, pooled: pooler.urlOf(name), direct: direct.href }
}

const unusualSettings = {
  ...{
    DateStyle: 'SQL, DMY',
    TimeZone: 'Asia/Kolkata',
    IntervalStyle: 'sql_standard',
    bytea_output: 'escape',
  },
  ...{ standard_conforming_strings: 'off', default_transaction_isolation: 'serializable' },
}

for (const [mode, settings] of Object.entries(modes))
  test(`PgBouncer in ${mode}, a database with unusual settings → migration, sign-up, sign-in and emails work`, async t => {
    const { name, pooled, direct } = await openPooledDatabase(t, settings)
    for (const [setting, value] of Object.entries(unusualSettings))
      await queryOnce(direct, `ALTER DATABASE ${name} SET ${setting} = '${value}'`)

    // Three at once: the migration that holds the lock runs, and the other two wait for it.
    const given = { DATABASE_URL: pooled, APP_SECRET: [testSecret] as const }
    await Promise.all([1, 2, 3].map(() => migrate(given, silent)))
    t.is((await queryOnce(direct, 'SELECT FROM migrations')).length, migrations.length)
    t.is((await queryOnce(direct, 'SELECT FROM signing_keys')).length, 1)
    t.deepEqual(
      await queryOnce(
        direct,
        `SELECT FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      ),
      [],
    )

    await using world = await openLocalWorld({ worker: true, servers: { databaseUrl: pooled } })
    const { client } = world
    const accounts = await Promise.all(
      Array.from({ length: 12 }, () => anAccount(client, { full_name: 'Zoë 日本' })),
    )
    // More simultaneous requests than server connections, each with a named statement.
    const replies = await Promise.all(
      accounts.flatMap(({ access }) => Array.from({ length: 10 }, () => client.get('me', { token: access }))),
    )
    t.deepEqual([...new Set(replies.map(({ status }) => status))], [200])
    for (const { body } of replies) {
      t.is(body.full_name, 'Zoë 日本')
      t.true(Math.abs(Date.now() - Date.parse(body.created_at)) < 600_000, body.created_at)
    }
    const refreshed = await Promise.all(
      accounts.map(({ refresh }) => client.post('refresh', { refresh_token: refresh })),
    )
    t.deepEqual([...new Set(refreshed.map(({ status }) => status))], [200])
    for (const { email } of accounts)
      await until(`the email to ${email}`, () => world.mails.caught.some(({ to }) => to.includes(email)))
    t.is((await client.get('/readyz')).status, 200)
    const { code, err } = await runCommand(world.env, ['users', 'deactivate', accounts[0]?.email ?? ''])
    t.is(code, 0, err)
  })

test('PgBouncer in transaction mode → statements and lock waits time out, and no setting leaks', async t => {
  const { pooled, direct } = await openPooledDatabase(t, modes['transaction mode'])
  await migrate({ DATABASE_URL: pooled, APP_SECRET: [testSecret] }, silent)
  const connection = await findConnection(pooled, timeouts)
  const database = await openDatabase(connection, { log: silent, entities: [] })
  using reads = openPreparedReads(connection, silent)
  t.teardown(() => database.destroy())
  const took = async (work: Promise<unknown>) => {
    const began = performance.now()
    const error = await work.then(
      () => null,
      (error: { code?: string }) => error.code,
    )
    return { code: error, took: performance.now() - began }
  }
  const slow = await took(database.query('SELECT pg_sleep(30)'))
  t.is(slow.code, '57014')
  t.true(slow.took >= timeouts.postgresStatement - 50, `${slow.took}`)

  const holder = new pg.Client({ connectionString: direct })
  await holder.connect()
  t.teardown(() => holder.end())
  await holder.query('BEGIN; LOCK TABLE users')
  const waiting = await took(database.query('SELECT FROM users'))
  t.is(waiting.code, '55P03')
  const inTransaction = await took(database.transaction(manager => manager.query('SELECT FROM users')))
  t.is(inTransaction.code, '55P03')
  const reading = await took(reads.run({ name: 'users', text: 'SELECT FROM users' }, []))
  t.is(reading.code, '55P03')
  await holder.query('ROLLBACK')

  // A failed statement ends its transaction, and the connection serves the next one.
  for (let i = 0; i < 5; i++) {
    await t.throwsAsync(database.query('SELECT 1 / 0'), { message: /division by zero/ })
    t.deepEqual(await database.query('SELECT 1 AS one'), [{ one: 1 }])
  }
  t.deepEqual(
    await queryOnce(
      direct,
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'`,
    ),
    [],
  )
  t.true(poolOf(database).totalCount > 0)

  // Other clients that share the server connections keep their own settings.
  for (let i = 0; i < 6; i++) {
    const [row] = await queryOnce(pooled, `SELECT current_setting('statement_timeout') AS timeout`)
    t.deepEqual(row, { timeout: '0' })
  }
})

test('PgBouncer in transaction mode → a transaction of several statements is atomic', async t => {
  const { pooled } = await openPooledDatabase(t, modes['transaction mode'])
  await migrate({ DATABASE_URL: pooled, APP_SECRET: [testSecret] }, silent)
  const database = await openPostgres({ url: pooled, log: silent, entities: [] })
  t.teardown(() => database.destroy())
  const insert = `INSERT INTO users (id, email) VALUES (gen_random_uuid(), $1)`
  const count = async () => (await database.query('SELECT count(*)::int AS n FROM users'))[0].n
  await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      database
        .transaction(async manager => {
          const [before] = await manager.query('SELECT txid_current() AS id')
          await manager.query(insert, [anEmail()])
          const [after] = await manager.query('SELECT txid_current() AS id')
          t.is(before.id, after.id)
          if (i % 2 === 0) throw new Error('rolled back')
        })
        .catch(() => {}),
    ),
  )
  t.is(await count(), 10)
})

test('PgBouncer in statement mode → the service exits at its start and says why', async t => {
  const { pooled } = await openPooledDatabase(t, ['pool_mode = statement'])
  const error = await t.throwsAsync(migrate({ DATABASE_URL: pooled, APP_SECRET: [testSecret] }, silent))
  t.regex(error?.message ?? '', /statement pooling/)
  t.is((error as Error & { exitCode?: number }).exitCode, 78)
})

test('an instance stops while PgBouncer serves another → sign-in still works', async t => {
  const { pooled } = await openPooledDatabase(t, modes['transaction mode'])
  await migrate({ DATABASE_URL: pooled, APP_SECRET: [testSecret] }, silent)
  await using world = await openLocalWorld({ servers: { databaseUrl: pooled } })
  const { email } = await anAccount(world.client)
  const another = await world.instance()
  t.is((await another.client.post('login', { email, password })).status, 200)
  await another.close()
  t.is((await world.client.post('login', { email, password })).status, 200)
})
