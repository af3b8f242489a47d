import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import test, { type ExecutionContext } from 'ava'
import pg from 'pg'
import { entities } from '../../src/entities.ts'
import { openLog } from '../../src/platform/base/log.ts'
import { openPostgres } from '../../src/platform/postgres/postgres.ts'
import { migrate } from '../../src/processes/migrate/migrate.ts'
import { migrations } from '../../src/processes/migrate/migrations.ts'
import { testSecret } from '../template.ts'

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

/** An empty database of this test's own. */
const emptyDatabase = async (t: ExecutionContext): Promise<string> => {
  const name = `lk_${randomBytes(6).toString('hex')}`
  await query(server, `CREATE DATABASE ${name}`)
  t.teardown(() => query(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`))
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}

const migrated = async (t: ExecutionContext): Promise<string> => {
  const url = await emptyDatabase(t)
  await migrate({ DATABASE_URL: url, APP_SECRET: testSecret }, silent)
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
  openPostgres({ url, log: silent, entities, migrations, within: null, poolSize: 3 })

test('the entities say what the migrations made: tables, columns, types, nullability, keys', async t => {
  const url = await migrated(t)
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
    // Postgres itself reads the entity's name of a type: `timestamptz` is `timestamp with time zone`.
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

test('a row that the entities write with nothing but what they demand is taken', async t => {
  const database = await openMigrations(await migrated(t))
  t.teardown(() => database.destroy())
  for (const { options } of entities) {
    const samples: Record<string, unknown> = {
      uuid: '01890000-0000-7000-8000-000000000001',
      text: 'sent',
      integer: 1,
      timestamptz: new Date(),
    }
    // What the columns of these names may hold is in the table.
    const named: Record<string, string> = { status: 'retired', currency: 'GTQ' }
    const demanded = Object.entries(options.columns).filter(
      ([, column]) => !column?.nullable && column?.default === undefined,
    )
    // One key signs already.
    const row = Object.fromEntries(
      demanded.map(([name, column]) => [name, named[name] ?? samples[`${column?.type}`]]),
    )
    await t.notThrowsAsync(database.getRepository(options.name).insert(row), options.name)
  }
})

test('every migration can be undone, and done again', async t => {
  const url = await migrated(t)
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
  t.deepEqual(left, [], 'types and functions go too')
  await database.runMigrations({ transaction: 'each' })
  t.deepEqual(await tablesOf(url), before)
})

test('the migrations run in the order of their times', t => {
  const times = migrations.map(({ name }) => Number(/\d{13}$/.exec(name)?.[0]))
  t.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  )
  t.is(new Set(times).size, migrations.length)
})

const program = fileURLToPath(new URL('../../src/migrate.ts', import.meta.url))

const ended = async (child: ChildProcess): Promise<{ code: number; output: string }> => {
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', text => {
      output += text
    })
  const [code] = await once(child, 'close')
  return { code, output }
}

const migrateProcess = (url: string) =>
  ended(
    spawn(process.execPath, [program], {
      env: { PATH: process.env.PATH, DATABASE_URL: url, APP_SECRET: testSecret, NODE_ENV: 'test' },
    }),
  )

test('three processes that migrate an empty database at once all succeed, and make one signing key', async t => {
  const url = await emptyDatabase(t)
  const all = await Promise.all([1, 2, 3].map(() => migrateProcess(url)))
  for (const { code, output } of all) t.is(code, 0, output)
  const worked = all.filter(({ output }) => output.includes(migrations[0]?.name ?? '-'))
  t.is(worked.length, 1, 'one works, the others wait for it')
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

test('migrating again changes nothing: neither users nor the key that signs', async t => {
  const url = await migrated(t)
  await query(url, `INSERT INTO users (id, email) VALUES (gen_random_uuid(), 'ada@example.com')`)
  const everything = () =>
    Promise.all(['users', 'signing_keys', 'migrations'].map(table => query(url, `SELECT * FROM ${table}`)))
  const before = await everything()
  await migrate({ DATABASE_URL: url, APP_SECRET: testSecret }, silent)
  t.deepEqual(await everything(), before)
})

test('an upgrade with resets in the audit log → only passwords that a link to the present mailbox set count as proven', async t => {
  const url = await emptyDatabase(t)
  const at = migrations.findIndex(({ name }) => name.startsWith('PurchaseClaims'))
  const older = await openPostgres({
    ...{ url, log: silent, entities, within: null, poolSize: 3 },
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
  await migrate({ DATABASE_URL: url, APP_SECRET: testSecret }, silent)
  const proven = await query(
    url,
    'SELECT email FROM users WHERE password_proven_at IS NOT NULL ORDER BY email',
  )
  t.deepEqual(proven, [{ email: 'again@x.example' }, { email: 'proven@x.example' }])
})

test('a role that may only make tables in its schema suffices: no extension is asked for', async t => {
  const url = await emptyDatabase(t)
  const role = `lk_${randomBytes(6).toString('hex')}`
  const password = randomBytes(12).toString('hex')
  await query(url, `CREATE ROLE ${role} LOGIN PASSWORD '${password}' NOSUPERUSER NOCREATEDB NOCREATEROLE`)
  await query(url, `GRANT USAGE, CREATE ON SCHEMA public TO ${role}`)
  t.teardown(async () => {
    await query(url, `DROP OWNED BY ${role}`)
    await query(url, `DROP ROLE ${role}`)
  })
  const weak = new URL(url)
  weak.username = role
  weak.password = password
  await t.throwsAsync(query(weak.href, 'CREATE EXTENSION citext'), {
    message: /permission denied|not available/,
  })
  await migrate({ DATABASE_URL: weak.href, APP_SECRET: testSecret }, silent)
  t.deepEqual(await query(url, 'SELECT extname FROM pg_extension'), [{ extname: 'plpgsql' }])
  t.is((await tablesOf(url)).length, entities.length)
})
