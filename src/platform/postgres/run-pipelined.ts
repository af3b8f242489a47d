import type { Client, QueryConfig } from 'pg'
import { isPlain } from './bind-message.ts'
import { describedQuery, type KnownColumns } from './pg-query-patches.ts'

/** Runs a query on a client that pipelines. `columns` is null where no statement can be prepared. */
export const runPipelined = async (
  client: Client,
  columns: KnownColumns | null,
  query: QueryConfig,
): Promise<unknown[]> => {
  const { name, text, values = [] } = query
  if (name === undefined || !columns || !values.every(isPlain)) return (await client.query(query)).rows
  try {
    return await new Promise<unknown[]>((resolve, reject) => {
      const callback = (error: Error | null, rows: unknown[] = []) => (error ? reject(error) : resolve(rows))
      client.query(describedQuery(client, columns, { name, text, values }, callback))
    })
  } catch (error) {
    // As pg does: the stack then names the caller. That of the parser of the socket names nothing.
    if (error instanceof Error) Error.captureStackTrace(error)
    throw error
  }
}

/**
 * Whether a connection cannot run a statement that it has prepared, and a new one can: a migration has changed the type of
 * a column (0A000), or something has run DEALLOCATE ALL (26000).
 */
export const isStatementLost = (error: unknown): boolean => {
  const { code } = error as { code?: unknown }
  return code === '0A000' || code === '26000'
}
