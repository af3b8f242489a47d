import type { Pool } from 'pg'
import type { Log } from '../base/log.ts'
import { openPipelinedReader, type PipelinedReader, type PipelineOptions } from './pipelined-reader.ts'
import type { Database } from './postgres.ts'
import { retryRead } from './retry-read.ts'

const lines = new WeakMap<Database, PipelinedReader>()

/** Gives a database a line for reads, which ends with its pool. */
export const addPipelinedReader = (
  database: Database,
  pool: Pool,
  options: PipelineOptions,
  log: Log,
): void => {
  const line = openPipelinedReader(options, log)
  lines.set(database, line)
  const end = pool.end.bind(pool) as (ended?: () => void) => Promise<void>
  const endBoth = (ended?: () => void): Promise<void> => {
    line.close()
    return end(ended)
  }
  pool.end = endBoth as Pool['end']
}

/** A statement that is parsed and planned once per connection. */
export type Statement = { name: string; text: string }

/** Runs a prepared statement past the ORM, for reads that every request makes. */
export const read = async <Row extends object>(
  database: Database,
  statement: Statement,
  values: unknown[],
): Promise<Row[]> => {
  const line = lines.get(database)
  if (!line) throw new Error('this database was not opened by openPostgres')
  return retryRead(() => line.ask<Row>({ ...statement, values }))
}
