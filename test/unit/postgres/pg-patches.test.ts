import type { Duplex } from 'node:stream'
import test from 'ava'
import pg from 'pg'
import {
  batchQueries,
  beginWithSettings,
  closeUnfinished,
  greetingPid,
  limitPoolQueue,
} from '../../../src/platform/postgres/pg-patches.ts'
import { countWrites } from '../../count-writes.ts'
import { openFakePostgres } from './fake-postgres.ts'

// Each test of a patch runs pg without and with it. If pg passes without it, remove the patch.

/** Resolves with a connected client and closes its socket at the end, as the server answers nothing. */
const connect = async (config: pg.ClientConfig) => {
  const client = new pg.Client(config)
  client.on('error', () => {})
  await client.connect()
  const { stream } = (client as unknown as { connection: { stream: Duplex } }).connection
  return { client, stream, [Symbol.dispose]: () => void stream.destroy() }
}

test('every connection of a pool is taken → callers above the limit fail at once with ERR_POOL_BUSY', async t => {
  using server = await openFakePostgres()
  for (const isPatched of [false, true]) {
    const pool = new pg.Pool({ ...server.config, max: 1 })
    if (isPatched) limitPoolQueue(pool, 5)
    pool.on('error', () => {}).on('connect', client => client.on('error', () => {}))
    const taken = await pool.connect()
    const waiting = Array.from({ length: 8 }, () =>
      pool.connect().then(
        client => client.release(),
        (error: Error & { code?: string }) => error.code,
      ),
    )
    const byCallback = new Promise(resolve => pool.connect((error: unknown) => resolve(error)))
    t.is(pool.waitingCount, isPatched ? 5 : 9)
    taken.release()
    t.is((await Promise.all(waiting)).filter(code => code === 'ERR_POOL_BUSY').length, isPatched ? 3 : 0)
    if (isPatched) t.like(await byCallback, { code: 'ERR_POOL_BUSY' })
    for (const client of (pool as unknown as { _clients: { connection: { stream: Duplex } }[] })._clients)
      client.connection.stream.destroy()
  }
})

test('a connection is returned to its pool in the middle of a query → the pool closes it', async t => {
  using server = await openFakePostgres()
  for (const isPatched of [false, true]) {
    const pool = new pg.Pool({ ...server.config, query_timeout: 20 })
    if (isPatched) closeUnfinished(pool)
    pool.on('error', () => {})
    const client = await pool.connect()
    await t.throwsAsync(client.query('SELECT 1'), { message: 'Query read timeout' })
    client.release()
    t.is(pool.totalCount, isPatched ? 0 : 1)
    if (!isPatched) {
      const { stream } = (client as unknown as { connection: { stream: Duplex } }).connection
      stream.destroy()
    }
  }
})

test('many pipelined queries in one turn of the event loop → one write', async t => {
  using server = await openFakePostgres()
  for (const isPatched of [false, true]) {
    using connected = await connect({ ...server.config, pipeline: true })
    const { client, stream } = connected
    const writes = countWrites(stream)
    for (let i = 0; i < 20; i++) {
      if (isPatched) batchQueries(client)
      client.query({ name: 'one', text: 'SELECT $1::int', values: [i] }).catch(() => {})
    }
    await new Promise(resolve => setTimeout(resolve, 50))
    t.is(writes(), isPatched ? 1 : 20)
  }
})

test('a server greets with its process id → pg keeps it in the field that we read', async t => {
  using server = await openFakePostgres()
  using connected = await connect(server.config)
  t.is(greetingPid(connected.client), 42)
})

test('a client begins with settings → each statement has its own transaction and no name', async t => {
  const sent: unknown[] = []
  const client = {
    query: async (query: string | pg.QueryConfig) => {
      sent.push(typeof query === 'string' ? query : { ...query })
      return { rows: [] }
    },
  } as unknown as pg.ClientBase
  beginWithSettings(client, 'BEGIN; SET LOCAL a = 1')
  await client.query({ name: 'one', text: 'SELECT 1' })
  t.deepEqual(sent.splice(0), ['BEGIN; SET LOCAL a = 1', { text: 'SELECT 1' }, 'COMMIT'])
  for (const text of ['START TRANSACTION', 'SELECT 2', 'COMMIT', 'SELECT 3']) await client.query(text)
  t.deepEqual(sent, [
    'BEGIN; SET LOCAL a = 1',
    'SELECT 2',
    'COMMIT',
    'BEGIN; SET LOCAL a = 1',
    'SELECT 3',
    'COMMIT',
  ])
})
