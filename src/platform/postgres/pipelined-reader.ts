import { Client, type ClientBase, type ClientConfig, type QueryConfig } from 'pg'
import type { Log } from '../base/log.ts'
import { batchQueries } from './pg-patches.ts'

// The reads of all requests share one connection and are pipelined: a query is sent before the ones ahead of it are
// answered. Many requests at once then cost one write and one read of the socket, instead of two for each.

export type PipelinedReader = {
  /** Rejects as pg does, or with ERR_POOL_BUSY if too many queries are unanswered. */
  query: <Row>(query: QueryConfig) => Promise<Row[]>
  close: () => void
}

/** More than a healthy Postgres leaves unanswered. */
const maxUnanswered = 500

export type PipelineOptions = ClientConfig & { onConnect?: (client: ClientBase) => void }

type Pipeline = { client: Client; timeoutError: Error | null }

/**
 * Connects at the first query, again after each loss, and anew after `lifetime` milliseconds. A connection that is kept
 * indefinitely would keep reading from a server that a failover has replaced, for as long as that server answers.
 */
export const openPipelinedReader = (
  options: PipelineOptions,
  log: Log,
  lifetime = 30_000,
): PipelinedReader => {
  let current: Promise<Pipeline> | null = null
  let successor: Promise<Pipeline> | null = null
  let openedAt = 0
  let unanswered = 0

  const connect = (): Promise<Pipeline> => {
    const client = new Client({ ...options, pipeline: true })
    const forget = () => {
      if (current === connected) current = null
    }
    client.on('error', err => {
      forget()
      log.debug({ err }, 'postgres connection broke')
    })
    client.on('end', forget)
    const connected = client.connect().then(() => {
      options.onConnect?.(client)
      return { client, timeoutError: null }
    })
    connected.catch(forget)
    return connected
  }

  const open = (): Promise<Pipeline> => {
    openedAt = performance.now()
    return connect()
  }

  // The old connection still answers its queries, and stays in use if no new one can be opened.
  const replace = async (old: Promise<Pipeline>): Promise<void> => {
    const next = open()
    successor = next
    try {
      await next
      if (current === old) current = next
      endWhenAnswered(current === next ? old : next)
    } catch (err) {
      log.debug({ err }, 'postgres connection failed')
    } finally {
      successor = null
    }
  }

  const pipeline = (): Promise<Pipeline> => {
    current ??= open()
    if (!successor && performance.now() - openedAt > lifetime) void replace(current)
    return current
  }

  const send = async <Row>(query: QueryConfig): Promise<Row[]> => {
    const own = await pipeline()
    const { client } = own
    try {
      batchQueries(client)
      return (await client.query(query)).rows as Row[]
    } catch (error) {
      // pg destroys a pipelined connection when one query times out. The queries behind it have waited as long, so they
      // fail with the timeout too. As queries of a lost connection, they would be sent again.
      if (error instanceof Error && error.message.startsWith('Query read timeout')) own.timeoutError = error
      throw own.timeoutError ?? error
    }
  }

  return {
    query: async query => {
      if (unanswered >= maxUnanswered)
        throw Object.assign(new Error('too many queries are unanswered'), { code: 'ERR_POOL_BUSY' })
      unanswered++
      try {
        return await send(query)
      } finally {
        unanswered--
      }
    },
    close: () => {
      for (const each of [current, successor]) if (each) endWhenAnswered(each)
    },
  }
}

// Nothing waits for this end, as a server that hangs never answers.
const endWhenAnswered = (pipeline: Promise<Pipeline>): void => {
  pipeline.then(
    ({ client }) => client.end().catch(() => {}),
    () => {},
  )
}
