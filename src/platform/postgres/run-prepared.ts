import { type Database, poolOf } from './postgres.ts'
import type { Statement } from './prepared-read.ts'

/**
 * Runs a statement that may write, alone, on a connection of the pool and past the ORM. It is not sent again after
 * an error, as Postgres may have run it.
 */
export const runPrepared = async <Row extends object>(
  database: Database,
  statement: Statement,
  values: unknown[],
): Promise<Row[]> => {
  const client = await poolOf(database).connect()
  try {
    const { rows } = await client.query<Row>({ ...statement, values })
    client.release()
    return rows
  } catch (error) {
    // After a timeout the connection still waits for its reply.
    client.release(true)
    throw error
  }
}
