import { Socket } from 'node:net'
import anyTest, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import pg from 'pg'
import { isOutage } from '../../../src/platform/base/store-errors.ts'
import { openPipelinedReader } from '../../../src/platform/postgres/pipelined-reader.ts'
import { runPrepared } from '../../../src/platform/postgres/run-prepared.ts'
import { anAccount, password } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { monitorRedis } from '../../redis-monitor.ts'

// The reads of each request are sent and parsed by code of our own. They must yield what pg yields.

const test = anyTest.serial

const world = await openLocalWorld({ env: { RATE_LIMITS: '' } })
const { sql } = world
const connectionString = world.env.DATABASE_URL ?? ''
const direct = new pg.Client({ connectionString })
await direct.connect()

/** The messages that the client sent, by their types, without those of the start of the connection. */
const sent: string[] = []
const recordingSocket = (): Socket => {
  const socket = new Socket()
  const record = (bytes: Buffer): void => {
    for (let at = 0; bytes[at] !== 0 && at < bytes.length; at += 1 + bytes.readUInt32BE(at + 1))
      sent.push(String.fromCharCode(bytes[at] ?? 0))
  }
  // Node sets `write` anew when a socket connects.
  socket.once('connect', () => {
    const write = socket.write.bind(socket) as (bytes: Buffer) => boolean
    socket.write = (bytes: Buffer) => {
      record(bytes)
      return write(bytes)
    }
  })
  return socket
}
const openReader = () => openPipelinedReader({ connectionString, stream: recordingSocket }, world.deps.log)
const reader = openReader()
anyTest.after.always(async () => {
  reader.close()
  await direct.end()
  await world[Symbol.asyncDispose]()
})

const text = fc.string({ unit: 'binary', maxLength: 40 }).map(word => word.replaceAll('\0', ''))
const written = fc.record({
  a_text: fc.option(text),
  a_list: fc.option(fc.array(fc.option(text), { maxLength: 3 })),
  a_boolean: fc.option(fc.boolean()),
  a_number: fc.option(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
  a_large: fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  a_float: fc.option(fc.double()),
  a_time: fc.option(
    fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
  ),
  a_json: fc.option(fc.jsonValue()),
  a_uuid: fc.option(fc.uuid()),
})

/** One statement for any values: the values are the parameter, as JSON. */
const everyType = `SELECT a_text, a_list, a_boolean, a_number, a_large, a_float, a_time, a_json, a_uuid,
    a_number::numeric / 7 AS a_numeric, a_time::date AS a_date, convert_to(a_text, 'UTF8') AS bytes, $2::text AS given
  FROM json_to_record($1::json) AS t (a_text text, a_list text[], a_boolean boolean, a_number int4, a_large int8,
    a_float float8, a_time timestamptz, a_json jsonb, a_uuid uuid)`

test('a statement with columns of every type and random values → the same rows as from pg', async t => {
  const isStorable = (json: string): boolean => !json.includes('\\u0000') && !/\\ud[89a-f]/i.test(json)
  await fc.assert(
    fc.asyncProperty(written, fc.option(fc.oneof(text, fc.integer(), fc.boolean())), async (row, given) => {
      const json = JSON.stringify(row, (_, value) => (typeof value === 'bigint' ? value.toString() : value))
      fc.pre(isStorable(json))
      const values = [json, given]
      const expected = await direct.query({ text: everyType, values })
      t.deepEqual(await reader.query({ name: 'every-type', text: everyType, values }), expected.rows)
    }),
    { numRuns: 60 },
  )
})

test('a statement runs again on a connection → one message each for Bind, Execute and Sync', async t => {
  const ask = (id: number) => reader.query({ name: 'counted', text: 'SELECT $1::int AS id', values: [id] })
  sent.length = 0
  t.deepEqual(await ask(1), [{ id: 1 }])
  t.is(sent.splice(0).join(''), 'PBDES')
  t.deepEqual(await Promise.all([ask(2), ask(3)]), [[{ id: 2 }], [{ id: 3 }]])
  t.is(sent.splice(0).join(''), 'BESBES')

  // pg sends dates itself.
  const time = new Date()
  const byPg = { name: 'sent-by-pg', text: 'SELECT $1::timestamptz AS time', values: [time] }
  t.deepEqual(await reader.query(byPg), [{ time }])
})

test('the first query of a statement is refused → the next one is described and answered', async t => {
  const ask = (id: string) => reader.query({ name: 'refused', text: 'SELECT $1::int AS id', values: [id] })
  const answers = await Promise.allSettled([ask('no number'), ask('2'), ask('3')])
  t.like(answers[0], { status: 'rejected', reason: { code: '22P02' } })
  const [refused] = answers as PromiseRejectedResult[]
  t.regex(String(refused?.reason.stack), /run-pipelined/, 'the stack names the caller')
  t.deepEqual(answers.slice(1), [
    { status: 'fulfilled', value: [{ id: 2 }] },
    { status: 'fulfilled', value: [{ id: 3 }] },
  ])
})

test('migrations add and change columns while reads run → each read has the row as it then is', async t => {
  await sql('CREATE TABLE changing (id int PRIMARY KEY, value int)')
  await sql('INSERT INTO changing VALUES (1, 7)')
  const ask = () =>
    reader.query({ name: 'changing', text: 'SELECT * FROM changing WHERE id = $1', values: [1] })
  t.deepEqual(await ask(), [{ id: 1, value: 7 }])
  await sql('ALTER TABLE changing ALTER value TYPE text')
  const many = await Promise.all(Array.from({ length: 20 }, ask))
  t.deepEqual([...new Set(many.map(rows => JSON.stringify(rows)))], ['[{"id":1,"value":"7"}]'])
  await sql('ALTER TABLE changing ADD added boolean NOT NULL DEFAULT true')
  t.deepEqual(await ask(), [{ id: 1, value: '7', added: true }])
  await sql('DROP TABLE changing')
})

test('the prepared statements of a connection are lost → the read runs on a new connection', async t => {
  const ask = () => reader.query({ name: 'kept', text: 'SELECT 1 AS one', values: [] })
  t.deepEqual(await ask(), [{ one: 1 }])
  await reader.query({ text: 'DEALLOCATE ALL' })
  t.deepEqual(await Promise.all([ask(), ask()]), [[{ one: 1 }], [{ one: 1 }]])
})

test('a migration changes a column that a prepared write returns → the write runs once', async t => {
  await sql('CREATE TABLE written (value int)')
  const { database } = world.deps
  const write = () =>
    runPrepared(database, { name: 'written', text: 'INSERT INTO written VALUES (7) RETURNING value' }, [])
  await Promise.all([write(), write(), write()])
  await sql('ALTER TABLE written ALTER value TYPE text')
  t.deepEqual(await Promise.all([write(), write()]), [[{ value: '7' }], [{ value: '7' }]])
  t.is((await sql('SELECT FROM written')).length, 5)
  await sql('DROP TABLE written')
})

test('a lock on the table of a statement that is not prepared yet → each read behind it is an outage', async t => {
  await sql('CREATE TABLE locked (id int)')
  const impatient = openPipelinedReader({ connectionString, options: '-c lock_timeout=100' }, world.deps.log)
  t.teardown(impatient.close)
  const ask = () => impatient.query({ name: 'locked', text: 'SELECT id FROM locked', values: [] })
  await direct.query('BEGIN; LOCK TABLE locked')
  const answers = await Promise.allSettled([ask(), ask(), ask()])
  await direct.query('ROLLBACK')
  for (const answer of answers) t.true(answer.status === 'rejected' && isOutage(answer.reason))
  t.deepEqual(await Promise.all([ask(), ask()]), [[], []])
  await sql('DROP TABLE locked')
})

/** Starts to record what requests ask of the stores: statements of Postgres by their name or text, commands of Redis. */
const recordRequests = async (t: ExecutionContext) => {
  const { query } = pg.Client.prototype
  let statements: string[] = []
  pg.Client.prototype.query = function (this: pg.Client, ...given: unknown[]) {
    const [asked] = given
    statements.push(typeof asked === 'string' ? asked : (asked as { name: string }).name)
    return Reflect.apply(query, this, given)
  } as typeof query
  t.teardown(() => Object.assign(pg.Client.prototype, { query }))
  const redis = await monitorRedis(world)
  t.teardown(() => redis[Symbol.asyncDispose]())
  return async () => {
    // The keys are read in the background.
    const postgres = statements.filter(name => name !== 'published-signing-keys')
    statements = []
    // A script runs its commands in capital letters.
    const commands = (await redis.seen()).map(([name = '']) => name).filter(name => /^[a-z]/.test(name))
    return { postgres, redis: commands.sort() }
  }
}

test('GET /auth/me → one Postgres read and two Redis commands; a refresh → one and one', async t => {
  const { access, refresh: first } = await anAccount(world.client)
  await world.client.get('me', { token: access })
  // Redis has then loaded both scripts.
  const refresh = (await world.client.post('refresh', { refresh_token: first })).body.refresh_token
  const asked = await recordRequests(t)
  t.is((await world.client.get('me', { token: access })).status, 200)
  t.deepEqual(await asked(), { postgres: ['user-of-session'], redis: ['evalsha', 'hmget'] })
  t.is((await world.client.post('refresh', { refresh_token: refresh })).status, 200)
  t.deepEqual(await asked(), { postgres: ['user-of-session'], redis: ['evalsha'] })
})

test('a sign-in with the right or a wrong password → two Postgres reads, and one statement that writes', async t => {
  const { email } = await anAccount(world.client)
  const login = async (given: string, userAgent = 'test/1.0') => {
    const headers = { 'user-agent': userAgent }
    return (await world.client.post('login', { email, password: given }, { headers })).status
  }
  // Redis has then loaded all scripts.
  for (let i = 0; i < 2; i++) await login(password)
  const asked = await recordRequests(t)
  const reads = ['user-by-email', 'hashes-in-use']
  t.is(await login(password), 200)
  // The scripts: limits, attempt, limit of the device, session, device, refund of the limits.
  const scripts = Array.from({ length: 6 }, () => 'evalsha')
  t.deepEqual(await asked(), {
    postgres: [...reads, 'record-login'],
    redis: [...scripts, 'hdel', 'zscore', 'zscore'],
  })
  t.is(await login('wrong horse 9', 'curl/8.0'), 401)
  t.deepEqual(await asked(), {
    postgres: [...reads, 'record-failed-login'],
    redis: ['evalsha', 'evalsha', 'zscore', 'zscore'],
  })
})
