import type { Duplex } from 'node:stream'
import type { Client, ClientBase, Pool, PoolClient, QueryConfig, QueryResult } from 'pg'
import { batchWrites } from '../base/batch-writes.ts'

// Checked with pg 8.23.1. The tests in pg-patches.test.ts fail when pg no longer needs a patch.

type OnConnected = (error: Error | undefined, client: PoolClient | undefined, done: () => void) => void

/**
 * Symptom: the queue for a connection of the pool has no limit (https://node-postgres.com/apis/pool), so a flood of
 * requests waits until the connection timeout and then fails. Here a caller behind `maxWaiting` others fails at once, with
 * ERR_POOL_BUSY. TypeORM calls `connect`.
 */
export const limitPoolQueue = (pool: Pool, maxWaiting: number): void => {
  const connect = pool.connect.bind(pool) as (onConnected?: OnConnected) => Promise<PoolClient>
  const limited = (onConnected?: OnConnected): Promise<PoolClient> | undefined => {
    if (pool.waitingCount < maxWaiting) return connect(onConnected)
    const busy = Object.assign(new Error('too many callers wait for a connection'), { code: 'ERR_POOL_BUSY' })
    if (!onConnected) return Promise.reject(busy)
    process.nextTick(onConnected, busy, undefined, () => {})
  }
  pool.connect = limited as Pool['connect']
}

/**
 * Symptom: pg does not end a query that timed out, and forgets a ROLLBACK that timed out behind it. The pool then hands out a
 * connection with an open transaction, and the next caller commits it, or fails with 25P02. No public report found.
 *
 * Here the pool closes a connection that is returned in the middle of a query or of a transaction.
 */
export const closeUnfinished = (pool: Pool): void => {
  pool.on('release', (_error, client) => {
    const { readyForQuery } = client as unknown as { readyForQuery: boolean }
    if (!readyForQuery || client.getTransactionStatus() !== 'I') client.end().catch(() => {})
  })
}

const socketOf = (client: Client): Duplex =>
  (client as unknown as { connection: { stream: Duplex } }).connection.stream

/** Symptom: a client that pipelines sends each query in a write of its own. No public report found. */
export const batchQueries = (client: Client): void => batchWrites(socketOf(client))

/** Ends a connection whose server does not answer: `end` would wait for the server. Its queries fail. */
export const destroySocket = (client: Client): void => void socketOf(client).destroy()

/** The process id that the greeting of the server names. pg keeps it in an undocumented field. */
export const greetingPid = (client: Client): number => (client as unknown as { processID: number }).processID

type Query = (query: string | QueryConfig, values?: unknown[]) => Promise<QueryResult>

const begins = /^\s*(?:START\s+TRANSACTION|BEGIN)\b/i
const ends = /^\s*(?:COMMIT|ROLLBACK|END|ABORT)\s*;?\s*$/i

const withoutName = (query: string | QueryConfig): string | QueryConfig => {
  if (typeof query === 'string') return query
  const { name: _name, ...unnamed } = query
  return unnamed
}

/**
 * Symptom: a pooler in transaction mode may hand each transaction to another server. The settings of a session reach one
 * server, and a statement that was prepared by name is missing on the next (https://www.pgbouncer.org/features.html).
 *
 * Here each statement runs in a transaction that starts with its settings (`begin`), and no statement has a name. The
 * client must pipeline: BEGIN, statement and COMMIT then take one round trip.
 */
export const beginWithSettings = (client: ClientBase, begin: string): void => {
  const send = client.query.bind(client) as Query
  let isInTransaction = false

  const beginTransaction = async (): Promise<QueryResult> => {
    isInTransaction = true
    try {
      return await send(begin)
    } catch (error) {
      isInTransaction = false
      throw error
    }
  }

  const runAlone: Query = async (query, values) => {
    const [began, result, ended] = await Promise.allSettled([
      send(begin),
      send(query, values),
      send('COMMIT'),
    ])
    for (const each of [began, result, ended]) if (each.status === 'rejected') throw each.reason
    return (result as PromiseFulfilledResult<QueryResult>).value
  }

  const query: Query = (given, values) => {
    const text = typeof given === 'string' ? given : given.text
    if (begins.test(text)) return beginTransaction()
    if (ends.test(text)) {
      isInTransaction = false
      return send(given)
    }
    return isInTransaction ? send(withoutName(given), values) : runAlone(withoutName(given), values)
  }
  client.query = query as ClientBase['query']
}
