import type { QueryConfig } from 'pg'
import { type Database, poolOf } from './postgres.ts'
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
    const { rows } = await client.query<Row>(query)
    client.release()
    return rows
  } catch (error) {
    // After a timeout the connection still waits for its reply.
    client.release(true)
    throw error
  }
}
