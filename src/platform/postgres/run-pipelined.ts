import type { QueryConfig } from 'pg'
import { isPlain } from './bind-message.ts'
import { destroySocket } from './pg-patches.ts'
import { describedQuery } from './pg-query-patches.ts'
import type { Pipeline } from './pipeline.ts'

/** Runs a query on a client that pipelines. `isPooled`: no statement can be prepared. */
export const runPipelined = async (
  { client, columns, timeoutMs }: Pipeline,
  isPooled: boolean,
  query: QueryConfig,
): Promise<unknown[]> => {
  const { name, text, values = [] } = query
  if (name === undefined || isPooled || !values.every(isPlain)) {
    const timed: QueryConfig & { query_timeout: number } = { ...query, query_timeout: timeoutMs }
    return (await client.query(timed)).rows
  }
  try {
    return await new Promise<unknown[]>((resolve, reject) => {
      const giveUp = () => {
        reject(new Error('Query read timeout'))
        destroySocket(client)
      }
      const timer = timeoutMs > 0 ? setTimeout(giveUp, timeoutMs) : undefined
      const callback = (error: Error | null, rows: unknown[] = []) => {
        clearTimeout(timer)
        if (error) reject(error)
        else resolve(rows)
      }
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
