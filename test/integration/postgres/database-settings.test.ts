import anyTest from 'ava'
import { openLog } from '../../../src/platform/base/log.ts'
import { defaultTimeouts as timeouts } from '../../../src/platform/config/timeouts.ts'
import { openDatabase, openPostgres } from '../../../src/platform/postgres/postgres.ts'
import { findConnection } from '../../../src/platform/postgres/postgres-connection.ts'
import { openPreparedReads } from '../../../src/platform/postgres/prepared-read.ts'
import { migrate } from '../../../src/processes/migrate/migrate.ts'
import { anEmail, password } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { testSecret } from '../../template.ts'
import { until } from '../../until.ts'

// `ALTER DATABASE … SET` and `ALTER ROLE … SET` can change settings that the code relies on. So each connection of the
// service sets them itself.

const test = anyTest.serial

const hostile: Record<string, string> = {
  DateStyle: 'SQL, DMY',
  IntervalStyle: 'sql_standard',
  TimeZone: 'Asia/Kolkata',
  client_encoding: 'LATIN1',
  bytea_output: 'escape',
  extra_float_digits: '-15',
  standard_conforming_strings: 'off',
  array_nulls: 'off',
  transform_null_equals: 'on',
  default_transaction_isolation: 'serializable',
  statement_timeout: '3ms',
  lock_timeout: '3ms',
  idle_in_transaction_session_timeout: '3ms',
  idle_session_timeout: '3ms',
}

const world = await openLocalWorld({ worker: true })
anyTest.after.always(() => world[Symbol.asyncDispose]())
const { sql } = world
const name = new URL(world.env.DATABASE_URL ?? '').pathname.slice(1)
const silent = openLog('test', 'silent')

/** Applies settings to later connections, and returns a function that resets them. */
const applySettings = async (
  scope: 'DATABASE' | 'ROLE CURRENT_USER IN DATABASE',
  settings: Record<string, string>,
) => {
  for (const [setting, value] of Object.entries(settings))
    await sql(`ALTER ${scope} ${name} SET ${setting} = '${value}'`)
  return () => sql(`ALTER ${scope} ${name} RESET ALL`)
}

// `ALTER ROLE` overrides `ALTER DATABASE`.
const scopes = ['DATABASE', 'ROLE CURRENT_USER IN DATABASE'] as const

for (const scope of scopes)
  test(`ALTER ${scope} with hostile settings → register, login and refresh still work`, async t => {
    const reset = await applySettings(scope, hostile)
    t.teardown(reset)
    const { client, close } = await world.instance()
    t.teardown(close)

    const email = anEmail()
    const registered = await client.post('register', { email, password, full_name: 'O\\\'Neil "日本" é' })
    t.is(registered.status, 201, registered.text)
    t.is(registered.body.user.full_name, 'O\\\'Neil "日本" é')
    const signedIn = await client.post('login', { email, password })
    t.is(signedIn.status, 200, signedIn.text)
    const { access_token: token, refresh_token } = signedIn.body
    const me = await client.get('me', { token })
    t.is(me.status, 200)
    const age = Date.now() - Date.parse(me.body.created_at)
    t.true(Math.abs(age) < 600_000, me.body.created_at)
    t.is((await client.post('refresh', { refresh_token })).status, 200)
    t.is((await client.get('me/export', { token })).status, 200)
    t.is((await client.get('/readyz')).body.checks.postgres, 'up')
    await until('the email', () => world.mails.caught.some(({ to }) => to.includes(email)))
  })

test('hostile database settings → pool, reads and migration use their own', async t => {
  for (const scope of scopes) t.teardown(await applySettings(scope, hostile))
  const own: Record<string, string> = {
    ...{ DateStyle: 'ISO, MDY', IntervalStyle: 'postgres', TimeZone: 'UTC', client_encoding: 'UTF8' },
    ...{ bytea_output: 'hex', extra_float_digits: '1', standard_conforming_strings: 'on', array_nulls: 'on' },
    ...{ transform_null_equals: 'off', default_transaction_isolation: 'read committed' },
    idle_session_timeout: '0',
  }
  const timeoutNames = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout']
  const text = `SELECT name, setting FROM pg_settings WHERE name = ANY($1)`
  const settingsOf = (rows: { name: string; setting: string }[]) =>
    Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))

  for (const within of [timeouts, null]) {
    const connection = await findConnection(world.env.DATABASE_URL ?? '', within)
    const database = await openDatabase(connection, { log: silent, entities: [] })
    t.teardown(() => database.destroy())
    using prepared = openPreparedReads(connection, silent)
    const names = [...Object.keys(own), ...timeoutNames]
    const pool = settingsOf(await database.query(text, [names]))
    const reads = settingsOf(await prepared.run({ name: 'settings', text }, [names]))
    const expected = within === null ? ['0', '0', '0'] : ['1750', '1500', '10000']
    for (const found of [pool, reads])
      t.deepEqual(found, {
        ...own,
        ...Object.fromEntries(timeoutNames.map((each, i) => [each, expected[i] ?? ''])),
      })
  }
  await migrate({ DATABASE_URL: world.env.DATABASE_URL ?? '', APP_SECRET: [testSecret] }, silent)
})

test('DATABASE_URL with options → applied, except for settings that the code relies on', async t => {
  const url = new URL(world.env.DATABASE_URL ?? '')
  url.searchParams.set('options', '-c search_path=elsewhere,public -c DateStyle=German')
  const database = await openPostgres({ url: url.href, log: silent, entities: [] })
  t.teardown(() => database.destroy())
  const [row] = await database.query(
    `SELECT current_setting('search_path') AS path, current_setting('DateStyle') AS style, now() AS at`,
  )
  t.deepEqual([row.path, row.style], ['elsewhere,public', 'ISO, MDY'])
  t.true(row.at instanceof Date)
})

test('synchronous_commit is off for the database → one warning at start', async t => {
  const countWarnings = () => world.logs.filter(line => line.includes('synchronous_commit is off')).length
  t.is(countWarnings(), 0)
  t.teardown(await applySettings('DATABASE', { synchronous_commit: 'off' }))
  const { close } = await world.instance()
  t.teardown(close)
  t.is(countWarnings(), 1)
})

test('database is read-only or its tables are not in search_path → readyz reports postgres down', async t => {
  for (const [setting, value] of [
    ['default_transaction_read_only', 'on'],
    ['search_path', 'elsewhere'],
  ] as const) {
    const { client, close } = await world.instance()
    t.teardown(close)
    const reset = await applySettings('DATABASE', { [setting]: value })
    t.teardown(reset)
    await sql(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'latchkey'`,
    )
    const checks = await until(setting, async () => {
      const { status, body } = await client.get('/readyz')
      return status === 503 && body.checks.postgres === 'down' && body.checks
    })
    t.is(checks.redis, 'up')
    const { status } = await client.post('register', { email: anEmail(), password })
    t.true(status >= 500, `${setting}: ${status}`)
    await reset()
  }
})
