import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import anyTest, { type ExecutionContext } from 'ava'
import { queryOnce } from '../../../src/dev-services/probe.ts'
import { openLog } from '../../../src/platform/base/log.ts'
import { exitCodeOf } from '../../../src/platform/config/config.ts'
import { migrate } from '../../../src/processes/migrate/migrate.ts'
import { anEmail, password } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { programEnv } from '../../spawn.ts'
import { testSecret } from '../../template.ts'
import { runCommand } from '../cli/run-command.ts'

// A database that the service cannot use is rejected at start, with a message that says what to do.

const test = anyTest.serial

const server = process.env.TEST_DATABASE_URL ?? ''
const silent = openLog('test', 'silent')
const world = await openLocalWorld()
anyTest.after.always(() => world[Symbol.asyncDispose]())

/** Creates an empty database with these options. */
const createDatabase = async (t: ExecutionContext, options = ''): Promise<string> => {
  const name = `lk_${randomBytes(6).toString('hex')}`
  await queryOnce(server, `CREATE DATABASE ${name} ${options}`)
  t.teardown(() => queryOnce(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`))
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}

const startMigrate = (DATABASE_URL: string) => migrate({ DATABASE_URL, APP_SECRET: [testSecret] }, silent)

const createMigratedDatabase = async (t: ExecutionContext, options = ''): Promise<string> => {
  const url = await createDatabase(t, options)
  await startMigrate(url)
  return url
}

/** Runs a process that cannot start. Returns its exit code and the logged reason. */
const exitOf = async (name: 'api' | 'worker' | 'migrate', more: Record<string, string>) => {
  const file = join(import.meta.dirname, `../../../src/${name}.ts`)
  const env = {
    ...programEnv,
    ...world.env,
    ...more,
  }
  const { promise, resolve } = Promise.withResolvers<{ code: unknown; output: string }>()
  execFile(process.execPath, [file], { env, encoding: 'utf8' }, (error, stdout, stderr) =>
    resolve({ code: error?.code ?? 0, output: stdout + stderr }),
  )
  const { code, output } = await promise
  const fatal = output.split('\n').find(line => line.includes('"fatal"'))
  return { code, reason: fatal ? String(JSON.parse(fatal).reason) : output }
}

const encodings = {
  LATIN1: `ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`,
  SQL_ASCII: `ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`,
  EUC_JP: `ENCODING 'EUC_JP' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`,
}

/** Opens the stores as the API and the worker do. */
const startService = async (databaseUrl: string) => {
  await using _ = await openLocalWorld({ servers: { databaseUrl } })
}

for (const [encoding, options] of Object.entries(encodings))
  test(`database encoding ${encoding} → nothing starts, with 78 as exit code and the reason`, async t => {
    const DATABASE_URL = await createDatabase(t, options)
    const expected = new RegExp(`^The encoding of the database is ${encoding}, .*ENCODING 'UTF8'`)
    for (const start of [startMigrate, startService]) {
      const error = await t.throwsAsync(start(DATABASE_URL), { message: expected })
      t.is(exitCodeOf(error), 78)
    }
    const { code, err } = await runCommand({ ...world.env, DATABASE_URL }, ['keys', 'list'])
    t.is(code, 78)
    t.regex(err, new RegExp(`The encoding of the database is ${encoding}`))
    t.deepEqual(await queryOnce(DATABASE_URL, `SELECT FROM pg_tables WHERE schemaname = 'public'`), [])
  })

// A process takes a second of CPU to start, so only one encoding and one state are tested with processes.
test('database encoding is not UTF8 → each process exits with 78 and the reason', async t => {
  const DATABASE_URL = await createDatabase(t, encodings.LATIN1)
  for (const name of ['migrate', 'api', 'worker'] as const) {
    const { code, reason } = await exitOf(name, { DATABASE_URL })
    t.is(code, 78, reason)
    t.regex(reason, /^The encoding of the database is LATIN1, .*ENCODING 'UTF8'/)
  }
})

const unmigrated = {
  'has no tables': {
    make: (t: ExecutionContext) => createDatabase(t),
    reason: /^The database has no tables\. Run `npm run migrate`\.$/,
  },
  'lacks the newest migration': {
    make: async (t: ExecutionContext) => {
      const url = await createMigratedDatabase(t)
      await queryOnce(url, 'DELETE FROM migrations WHERE id = (SELECT max(id) FROM migrations)')
      return url
    },
    reason: /^The database lacks 1 of the migrations of this version\. Run `npm run migrate`\.$/,
  },
}

for (const [state, { make, reason: expected }] of Object.entries(unmigrated))
  test(`database ${state} → nothing starts, and the reason names the command to run`, async t => {
    const DATABASE_URL = await make(t)
    const error = await t.throwsAsync(startService(DATABASE_URL), { message: expected })
    t.is(exitCodeOf(error), 1)
    for (const words of [
      ['keys', 'list'],
      ['users', 'deactivate', 'ada@example.com'],
    ]) {
      const { code, err } = await runCommand({ ...world.env, DATABASE_URL }, words)
      t.is(code, 69)
      t.regex(err.replace('latchkey: ', '').trim(), expected)
    }
  })

test('database is not migrated → API, primary of several and worker exit with 1 and the reason', async t => {
  const { make, reason: expected } = unmigrated['lacks the newest migration']
  const DATABASE_URL = await make(t)
  const processes = [['api'], ['api', { API_PROCESSES: '2' }], ['worker']] as const
  for (const [name, more] of processes) {
    const { code, reason } = await exitOf(name, { DATABASE_URL, ...more })
    t.is(code, 1, reason)
    t.regex(reason, expected)
  }
})

test('database has a newer migration → this version works, also after a restart', async t => {
  const databaseUrl = await createMigratedDatabase(t)
  await queryOnce(
    databaseUrl,
    `INSERT INTO migrations (timestamp, name) VALUES (9999999999999, 'Later9999999999999')`,
  )
  await using newer = await openLocalWorld({ servers: { databaseUrl } })
  t.is((await newer.client.get('/readyz')).status, 200)
  t.is((await newer.client.post('register', { email: anEmail(), password })).status, 201)
})

test('database role without access to `migrations` → the API starts', async t => {
  const databaseUrl = await createMigratedDatabase(t)
  const role = `lk_${randomBytes(6).toString('hex')}`
  await queryOnce(databaseUrl, `CREATE ROLE ${role} LOGIN PASSWORD 'of-tests-alone'`)
  t.teardown(async () => {
    await queryOnce(databaseUrl, `DROP OWNED BY ${role}`)
    await queryOnce(databaseUrl, `DROP ROLE ${role}`)
  })
  await queryOnce(databaseUrl, `GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role}`)
  await queryOnce(databaseUrl, `REVOKE ALL ON migrations FROM ${role}`)
  const own = new URL(databaseUrl)
  Object.assign(own, { username: role, password: 'of-tests-alone' })
  await using limited = await openLocalWorld({ servers: { databaseUrl: own.href } })
  t.is((await limited.client.post('register', { email: anEmail(), password })).status, 201)
})

// `lower()` and the sort order depend on the locale. In a Turkish locale `lower('I')` is a dotless i.
const locales = {
  C: `ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`,
  'tr-TR': `ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`,
}

for (const [locale, options] of Object.entries(locales))
  test(`database locale ${locale} → emails match in any case, and due accounts are erased`, async t => {
    const databaseUrl = await createMigratedDatabase(t, options)
    await using localized = await openLocalWorld({ servers: { databaseUrl } })
    const { client, sql, deps } = localized
    const registered = await client.post('register', { email: 'IRINA.Iiiii@EXAMPLE.COM', password })
    t.is(registered.status, 201)
    t.is(registered.body.user.email, 'irina.iiiii@example.com')
    t.is((await client.post('register', { email: 'irina.IIIII@example.com', password })).status, 409)
    const signedIn = await client.post('login', { email: 'Irina.iiiii@Example.Com', password })
    t.is(signedIn.status, 200)
    await sql(`UPDATE users SET roles = '{user,admin}'`)
    const token = (await client.post('login', { email: 'irina.iiiii@example.com', password })).body
      .access_token
    for (const search of ['IRINA.', 'irina.', 'IrInA.I']) {
      const { body } = await client.get(`/api/v1/admin/users?search=${search}`, { token })
      t.is(body.data.length, 1, search)
    }

    // More than one batch, with ids that begin with digits and with letters.
    await sql(`INSERT INTO users (id, email, erase_after, is_active)
               SELECT gen_random_uuid(), 'gone-' || n || '@example.com', now(), false FROM generate_series(1, 250) n`)
    const { eraseAccounts } = await import('../../../src/features/accounts/erase-accounts.ts')
    t.is(await eraseAccounts(deps), 250)
  })
