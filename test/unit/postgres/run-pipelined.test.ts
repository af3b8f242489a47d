import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import test from 'ava'
import pg from 'pg'
import { openLog } from '../../../src/platform/base/log.ts'
import { describedQuery } from '../../../src/platform/postgres/pg-query-patches.ts'
import { openPipeline } from '../../../src/platform/postgres/pipeline.ts'
import { runPipelined } from '../../../src/platform/postgres/run-pipelined.ts'
import { message, openFakePostgres, ready } from './fake-postgres.ts'

const noRows = Buffer.concat([message('2'), message('C', Buffer.from('SELECT 0\0')), ready])

const sync = message('S')

/** A server that answers each query with no rows. */
const openEmptyPostgres = async () => {
  const server = await openFakePostgres((bytes, socket) => {
    if (bytes.subarray(-sync.length).equals(sync)) socket.write(noRows)
  })
  return { ...server, config: { ...server.config, query_timeout: 5000 } }
}

setFlagsFromString('--expose-gc')
const collect: (options: { type: 'minor' }) => void = runInNewContext('gc')

/** Bytes in the old generation, after everything that can die young is dead. */
const oldBytes = (): number => {
  for (let i = 0; i < 3; i++) collect({ type: 'minor' })
  return getHeapSpaceStatistics().find(space => space.space_name === 'old_space')?.space_used_size ?? 0
}

type Run = (values: string[]) => Promise<unknown>

/** By how much the old generation grows in 300 queries of 2 kB each. */
const growthOf = async (run: Run): Promise<number> => {
  const query = async (i: number) => void (await run([Buffer.alloc(2000, String(i)).toString('latin1')]))
  for (let i = 0; i < 100; i++) await query(i)
  const before = oldBytes()
  for (let i = 0; i < 300; i++) await query(i)
  return oldBytes() - before
}

const statement = { name: 'one', text: 'SELECT 1 WHERE $1::text IS NULL' }

test('a query was answered → the timeout of pg keeps its values in memory, a pipelined read does not', async t => {
  using server = await openEmptyPostgres()
  const plain = new pg.Client({ ...server.config, pipeline: true })
  await plain.connect()
  const known = new Map()
  const byPg: Run = values =>
    new Promise(resolve => {
      plain.query(describedQuery(plain, known, { ...statement, values }, resolve))
    })
  t.true((await growthOf(byPg)) > 500_000)
  await plain.end()

  const pipeline = await openPipeline(server.config, openLog('test', 'silent'), () => {}).opened
  t.true((await growthOf(values => runPipelined(pipeline, false, { ...statement, values }))) < 150_000)
  await pipeline.client.end()
})
