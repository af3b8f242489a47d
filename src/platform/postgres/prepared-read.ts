import type { Log } from '../base/log.ts'
import { openPipelinedReader } from './pipelined-reader.ts'
import type { Connection } from './postgres-connection.ts'
import { retryRead } from './retry-read.ts'

/** A statement that Postgres parses and plans once per connection. */
export type Statement = { name: string; text: string }

/** Runs the reads that every request makes as prepared statements, on a connection beside the pool and past the ORM. */
export type PreparedReads = Disposable & {
  run: <Row extends object>(statement: Statement, values: unknown[]) => Promise<Row[]>
}

/** Opens no connection before the first read. */
export const openPreparedReads = ({ config, onConnect, isPooled }: Connection, log: Log): PreparedReads => {
  const reader = openPipelinedReader({ ...config, onConnect, isPooled }, log)
  return {
    run: <Row extends object>(statement: Statement, values: unknown[]) =>
      retryRead(() => reader.query<Row>({ ...statement, values })),
    [Symbol.dispose]: () => reader.close(),
  }
}
