import type { QueryConfig } from 'pg'
import type { Log } from '../base/log.ts'
import { batchQueries } from './pg-patches.ts'
import { endWhenAnswered, type Opening, openPipeline, type PipelineOptions } from './pipeline.ts'
import { isStatementLost, runPipelined } from './run-pipelined.ts'

// The reads of all requests share one connection and are pipelined: a query is sent before the ones ahead of it are
// answered. Many requests at once then cost one write and one read of the socket, instead of two for each.

export type PipelinedReader = {
  /** Rejects as pg does, or with ERR_POOL_BUSY if too many queries are unanswered. */
  query: <Row>(query: QueryConfig) => Promise<Row[]>
  close: () => void
}

/** More than a healthy Postgres leaves unanswered. */
const maxUnanswered = 500

/**
 * Connects at the first query, again after each loss, and anew after `lifetime` milliseconds. A connection that is kept
 * indefinitely would keep reading from a server that a failover has replaced, for as long as that server answers.
 */
export const openPipelinedReader = (
  options: PipelineOptions,
  log: Log,
  lifetime = 30_000,
): PipelinedReader => {
  let current: Opening | null = null
  let successor: Opening | null = null
  let openedAt = 0
  let unanswered = 0

  const open = (): Opening => {
    openedAt = performance.now()
    const opening = openPipeline(options, log, () => {
      if (current === opening) current = null
    })
    return opening
  }

  // The old connection still answers its queries, and stays in use if no new one can be opened.
  const replace = async (old: Opening): Promise<void> => {
    const next = open()
    successor = next
    try {
      await next.opened
      if (current === old) current = next
      endWhenAnswered(current === next ? old : next)
    } catch (err) {
      log.debug({ err }, 'postgres connection failed')
    } finally {
      successor = null
    }
  }

  const connection = (): Opening => {
    current ??= open()
    if (!successor && performance.now() - openedAt > lifetime) void replace(current)
    return current
  }

  const send = async <Row>(opening: Opening, query: QueryConfig): Promise<Row[]> => {
    const pipeline = opening.pipeline ?? (await opening.opened)
    try {
      batchQueries(pipeline.client)
      return (await runPipelined(pipeline, options.isPooled ?? false, query)) as Row[]
    } catch (error) {
      // A pipelined connection is destroyed when one query times out. The queries behind it have waited as long, so they
      // fail with the timeout too. As queries of a lost connection, they would be sent again.
      if (error instanceof Error && error.message.startsWith('Query read timeout'))
        pipeline.timeoutError = error
      throw pipeline.timeoutError ?? error
    }
  }

  return {
    query: async <Row>(query: QueryConfig): Promise<Row[]> => {
      if (unanswered >= maxUnanswered)
        throw Object.assign(new Error('too many queries are unanswered'), { code: 'ERR_POOL_BUSY' })
      unanswered++
      const opening = connection()
      try {
        return await send(opening, query)
      } catch (error) {
        if (!isStatementLost(error)) throw error
        if (current === opening) {
          current = null
          endWhenAnswered(opening)
        }
        return await send(connection(), query)
      } finally {
        unanswered--
      }
    },
    close: () => {
      for (const each of [current, successor]) if (each) endWhenAnswered(each)
    },
  }
}
