import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import pg from 'pg'
import type { DataSource } from 'typeorm'
import { loadEntities } from '../../src/modules.ts'
import { openLog } from '../../src/platform/base/log.ts'
import { openPostgres } from '../../src/platform/postgres/postgres.ts'
import { migrate } from '../../src/processes/migrate/migrate.ts'
import { migrations } from '../../src/processes/migrate/migrations.ts'
import { programEnv } from '../spawn.ts'
import { statementsWithoutIndex } from '../statements.ts'
import { testSecret } from '../template.ts'

const entities = await loadEntities()

const silent = openLog('test', 'silent')

const query = async <Row extends object>(
  url: string,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> => {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return (await client.query<Row>(text, values).finally(() => client.end())).rows
}

const server = process.env.TEST_DATABASE_URL ?? ''

/** Creates an empty database for this test. */
const emptyDatabase = async (t: ExecutionContext): Promise<string> => {
  const name = `lk_${randomBytes(6).toString('hex')}`
  await query(server, `CREATE DATABASE ${name}`)
  t.teardown(() => query(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`))
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}

const createMigratedDatabase = async (t: ExecutionContext): Promise<string> => {
  const url = await emptyDatabase(t)
  await migrate({ DATABASE_URL: url, APP_SECRET: [testSecret] }, silent)
  return url
}

const tablesOf = async (url: string): Promise<string[]> =>
  (
    await query<{ name: string }>(
      url,
      `SELECT relname::text AS name FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm')
          AND relnamespace = 'public'::regnamespace AND relname <> 'migrations' ORDER BY 1`,
    )
  ).map(({ name }) => name)

const openMigrations = (url: string) =>
  openPostgres({ url, log: silent, entities, migrations, timeouts: null, poolSize: 3 })

test('entities → match the migrated tables: columns, types, nullability and keys', async t => {
  const url = await createMigratedDatabase(t)
  const expected = entities.map(({ options: { tableName = '', columns, uniques = [] } }) => ({
    table: tableName,
    columns: Object.entries(columns)
      .map(([name, column]) => ({
        name,
        type: `${column?.type}${column?.array ? '[]' : ''}`,
        nullable: column?.nullable === true,
        standard: column?.default !== undefined,
        primary: column?.primary === true,
      }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    uniques: uniques.map(({ name, columns }) => `${name}: ${columns}`).sort(),
  }))
  t.deepEqual(await tablesOf(url), expected.map(({ table }) => table).sort())

  for (const { table, columns, uniques } of expected) {
    // Postgres resolves the type names of the entity: `timestamptz` is `timestamp with time zone`.
    const found = await query(
      url,
      `SELECT attname::text AS name, attnotnull = false AS nullable, atthasdef AS standard,
              CASE WHEN atttypid = to_regtype(wanted ->> attname) THEN wanted ->> attname
                   ELSE format_type(atttypid, atttypmod) END AS type,
              EXISTS (SELECT FROM pg_constraint WHERE conrelid = attrelid AND contype = 'p' AND attnum = ANY (conkey))
                AS primary
         FROM pg_attribute, (SELECT $2::jsonb AS wanted) AS given
        WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attname COLLATE "C"`,
      [table, JSON.stringify(Object.fromEntries(columns.map(({ name, type }) => [name, type])))],
    )
    t.deepEqual(found, columns, table)
    const keys = await query<{ text: string }>(
      url,
      `SELECT conname || ': ' || (SELECT string_agg(attname, ',' ORDER BY place) FROM pg_attribute
                JOIN unnest(conkey) WITH ORDINALITY AS key (attnum, place) USING (attnum) WHERE attrelid = conrelid)
              AS text
         FROM pg_constraint WHERE conrelid = $1::regclass AND contype = 'u' ORDER BY 1`,
      [table],
    )
    t.deepEqual(
      keys.map(({ text }) => text),
      uniques,
      table,
    )
  }
})

test('row with only the required columns of its entity → accepted by the table', async t => {
  const database = await openMigrations(await createMigratedDatabase(t))
  t.teardown(() => database.destroy())
  for (const { options } of entities) {
    const samples: Record<string, unknown> = {
      uuid: '01890000-0000-7000-8000-000000000001',
      text: 'sent',
      integer: 1,
      timestamptz: new Date(),
    }
    // Check constraints of the tables limit the values of these columns.
    const named: Record<string, string> = { status: 'retired', currency: 'GTQ', type: 'totp' }
    const required = Object.entries(options.columns).filter(
      ([, column]) => !column?.nullable && column?.default === undefined,
    )
    // The status above is `retired`, because a signing key exists already.
    const row = Object.fromEntries(
      required.map(([name, column]) => {
        const sample = named[name] ?? samples[`${column?.type}`]
        return [name, column?.array ? [sample] : sample]
      }),
    )
    await t.notThrowsAsync(database.getRepository(options.name).insert(row), options.name)
  }
})

test('every migration can be reverted and run again', async t => {
  const url = await createMigratedDatabase(t)
  const database = await openMigrations(url)
  t.teardown(() => database.destroy())
  const before = await tablesOf(url)
  for (const _ of migrations) await database.undoLastMigration({ transaction: 'each' })
  t.deepEqual(await tablesOf(url), [])
  const left = await query(
    url,
    `SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typrelid = 0 AND typelem = 0
     UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace`,
  )
  t.deepEqual(left, [], 'types and functions are removed too')
  await database.runMigrations({ transaction: 'each' })
  t.deepEqual(await tablesOf(url), before)
})

test('migrations are listed in the order of their timestamps, which are unique', t => {
  const times = migrations.map(({ name }) => Number(/\d{13}$/.exec(name)?.[0]))
  t.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  )
  t.is(new Set(times).size, migrations.length)
})

const program = fileURLToPath(new URL('../../src/migrate.ts', import.meta.url))

const exitOf = async (child: ChildProcess): Promise<{ code: number; output: string }> => {
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', text => {
      output += text
    })
  const [code] = await once(child, 'close')
  return { code, output }
}

const migrateProcess = (url: string) =>
  exitOf(
    spawn(process.execPath, [program], {
      env: { ...programEnv, DATABASE_URL: url, APP_SECRET: testSecret, NODE_ENV: 'test' },
    }),
  )

test('three processes migrate an empty database simultaneously → all succeed, one signing key', async t => {
  const url = await emptyDatabase(t)
  const all = await Promise.all([1, 2, 3].map(() => migrateProcess(url)))
  for (const { code, output } of all) t.is(code, 0, output)
  const worked = all.filter(({ output }) => output.includes(migrations[0]?.name ?? '-'))
  t.is(worked.length, 1, 'one process migrates, and two wait for it')
  t.deepEqual(await query(url, 'SELECT status, count(*)::int FROM signing_keys GROUP BY status'), [
    { status: 'signing', count: 1 },
  ])
  t.is((await query(url, 'SELECT FROM migrations')).length, migrations.length)
  const locks = await query(
    url,
    `SELECT FROM pg_locks WHERE locktype = 'advisory'
                                     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  )
  t.deepEqual(locks, [])
})

test('migrating again → changes neither users nor the signing key', async t => {
  const url = await createMigratedDatabase(t)
  await query(url, `INSERT INTO users (id, email) VALUES (gen_random_uuid(), 'ada@example.com')`)
  const everything = () =>
    Promise.all(['users', 'signing_keys', 'migrations'].map(table => query(url, `SELECT * FROM ${table}`)))
  const before = await everything()
  await migrate({ DATABASE_URL: url, APP_SECRET: [testSecret] }, silent)
  t.deepEqual(await everything(), before)
})

test('upgrade with old resets → only a reset to the current address marks a password as mailed', async t => {
  const url = await emptyDatabase(t)
  const at = migrations.findIndex(({ name }) => name.startsWith('PurchaseClaims'))
  const older = await openPostgres({
    ...{ url, log: silent, entities, timeouts: null, poolSize: 3 },
    migrations: migrations.slice(0, at),
  })
  await older.runMigrations({ transaction: 'each' })
  await older.destroy()
  const histories: Record<string, [verified: boolean, hash: string | null, events: string[]]> = {
    'proven@x.example': [true, 'x', ['user.registered', 'password.reset', 'password.changed']],
    'again@x.example': [true, 'x', ['email.changed', 'password.reset']],
    'verified@x.example': [true, 'x', ['user.registered', 'user.email_verified', 'password.changed']],
    'moved@x.example': [true, 'x', ['password.reset', 'email.changed']],
    'undone@x.example': [true, null, ['password.reset', 'email.changed', 'email.change_undone']],
    'imported@x.example': [true, 'x', []],
  }
  for (const [email, [verified, hash, events]] of Object.entries(histories))
    await query(
      url,
      `WITH made AS (INSERT INTO users (id, email, email_verified, password_hash)
                     VALUES (gen_random_uuid(), $1, $2, $3) RETURNING id)
       INSERT INTO audit_events (id, type, user_id, created_at)
       SELECT gen_random_uuid(), type, made.id, now() - interval '1 hour' + place * interval '1 minute'
         FROM made, unnest($4::text[]) WITH ORDINALITY AS event (type, place)`,
      [email, verified, hash, events],
    )
  await migrate({ DATABASE_URL: url, APP_SECRET: [testSecret] }, silent)
  const proven = await query(
    url,
    'SELECT email FROM users WHERE password_proven_at IS NOT NULL ORDER BY email',
  )
  t.deepEqual(proven, [{ email: 'again@x.example' }, { email: 'proven@x.example' }])
})

test('upgrade during a rotation by hand → no key signs or retires too early, and a revert keeps the rows', async t => {
  const url = await emptyDatabase(t)
  const at = migrations.findIndex(({ name }) => name.startsWith('KeyRotation'))
  const upTo = async (end: number, run: (database: DataSource) => Promise<unknown>) => {
    const options = { url, log: silent, entities, timeouts: null, poolSize: 3 }
    const database = await openPostgres({ ...options, migrations: migrations.slice(0, end) })
    await run(database).finally(() => database.destroy())
  }
  await upTo(at, database => database.runMigrations({ transaction: 'each' }))
  const states = ['published', 'signing', 'retiring', 'retired']
  for (const status of states)
    await query(
      url,
      `INSERT INTO signing_keys (kid, public_key, sealed_secret, status, not_before)
       VALUES ($1, 'public', 'sealed', $1, now() - interval '1 year')`,
      [status],
    )
  const rows = () =>
    query(
      url,
      `SELECT kid, status, sealed_secret AS secret, round(extract(epoch FROM not_before - now()) / 60)::int AS from,
              round(extract(epoch FROM not_after - now()) / 60)::int AS until FROM signing_keys ORDER BY kid`,
    )
  await upTo(at + 1, database => database.runMigrations({ transaction: 'each' }))
  const year = -365 * 24 * 60
  t.deepEqual(await rows(), [
    { kid: 'published', status: 'published', secret: 'sealed', from: 15, until: null },
    { kid: 'retired', status: 'retired', secret: null, from: year, until: null },
    { kid: 'retiring', status: 'retiring', secret: 'sealed', from: year, until: 65 },
    { kid: 'signing', status: 'signing', secret: 'sealed', from: year, until: null },
  ])
  t.deepEqual(await query(url, 'SELECT DISTINCT token_life FROM signing_keys'), [{ token_life: 3600 }])
  await t.throwsAsync(query(url, `UPDATE signing_keys SET sealed_secret = NULL WHERE status = 'signing'`))
  await upTo(at + 1, database => database.undoLastMigration({ transaction: 'each' }))
  t.deepEqual(
    (await query<{ status: string }>(url, 'SELECT status FROM signing_keys ORDER BY kid')).map(
      ({ status }) => status,
    ),
    states.toSorted(),
  )
})

test('database role with only CREATE in its schema → migrates without any extension', async t => {
  const url = await emptyDatabase(t)
  const role = `lk_${randomBytes(6).toString('hex')}`
  const password = randomBytes(12).toString('hex')
  await query(url, `CREATE ROLE ${role} LOGIN PASSWORD '${password}' NOSUPERUSER NOCREATEDB NOCREATEROLE`)
  await query(url, `GRANT USAGE, CREATE ON SCHEMA public TO ${role}`)
  t.teardown(async () => {
    await query(url, `DROP OWNED BY ${role}`)
    await query(url, `DROP ROLE ${role}`)
  })
  const limited = new URL(url)
  limited.username = role
  limited.password = password
  await t.throwsAsync(query(limited.href, 'CREATE EXTENSION citext'), {
    message: /permission denied|not available/,
  })
  await migrate({ DATABASE_URL: limited.href, APP_SECRET: [testSecret] }, silent)
  t.deepEqual(await query(url, 'SELECT extname FROM pg_extension'), [{ extname: 'plpgsql' }])
  t.is((await tablesOf(url)).length, entities.length)
})

test('foreign keys → each has an index, or a deletion would read the whole table', async t => {
  const url = await createMigratedDatabase(t)
  const without = await query<{ name: string }>(
    url,
    `SELECT conname AS name FROM pg_constraint c
      WHERE contype = 'f' AND connamespace = 'public'::regnamespace
        AND NOT EXISTS (SELECT FROM pg_index
                         WHERE indrelid = conrelid AND indkey[0] = conkey[1] AND indpred IS NULL)`,
  )
  // No site is ever deleted.
  t.deepEqual(without, [{ name: 'purchases_site_id_fkey' }])
})

test('a statement that no index fits → the run of the tests reports it', async t => {
  const url = await createMigratedDatabase(t)
  const found = await statementsWithoutIndex(url, [
    { text: 'SELECT id FROM emails WHERE last_error = $1', values: ['bounced'] },
    { text: 'SELECT id FROM emails WHERE user_id = $1', values: ['0192c1a0-0000-7000-8000-000000000000'] },
    { text: 'SELECT no_such_column FROM emails', values: [] },
  ])
  t.deepEqual(found, [
    'No index fits, so this statement reads all of emails:\nSELECT id FROM emails WHERE last_error = $1',
  ])
})
