import type { PoolClient, QueryConfig } from 'pg'
import { isPlain } from './bind-message.ts'
import { describedQuery } from './pg-query-patches.ts'
import { columnsOf, type Database, poolOf } from './postgres.ts'
import type { Statement } from './prepared-read.ts'
import { isStatementLost } from './run-pipelined.ts'

/**
 * Runs a statement that may write, alone, on a connection of the pool and past the ORM: one transaction in one round trip. It
 * is not sent again after an error, as Postgres may have run it.
 */
export const runPrepared = async <Row extends object>(
  database: Database,
  statement: Statement,
  values: unknown[],
): Promise<Row[]> => {
  try {
    return await run(database, { ...statement, values })
  } catch (error) {
    if (!isStatementLost(error)) throw error
    // Postgres has refused it before it ran. Each connection that has prepared it would refuse it, so it gets no name.
    return run(database, { text: statement.text, values })
  }
}

const run = async <Row extends object>(database: Database, query: QueryConfig): Promise<Row[]> => {
  const client = await poolOf(database).connect()
  try {
    const rows = await rowsOf(client, query)
    client.release()
    return rows as Row[]
  } catch (error) {
    // The stack then names the caller. That of the parser of the socket names nothing.
    if (error instanceof Error) Error.captureStackTrace(error)
    // Closes the connection. It may still wait for the reply, or have prepared a statement that it can no longer run.
    client.release(true)
    throw error
  }
}

const rowsOf = async (client: PoolClient, query: QueryConfig): Promise<unknown[]> => {
  const { name, text, values = [] } = query
  const columns = columnsOf(client)
  if (name === undefined || !columns || !values.every(isPlain)) return (await client.query(query)).rows
  return new Promise((resolve, reject) => {
    const callback = (error: Error | null, rows: unknown[] = []) => (error ? reject(error) : resolve(rows))
    client.query(describedQuery(client, columns, { name, text, values }, callback))
  })
}
