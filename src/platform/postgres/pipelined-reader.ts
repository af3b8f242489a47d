import type { Duplex } from 'node:stream'
import { Client, type ClientBase, type ClientConfig, type QueryConfig } from 'pg'
import { inOneWrite } from '../base/batch-writes.ts'
import type { Log } from '../base/log.ts'

// Reads that every request makes go one behind the other over a connection of their own, none waiting for the answer
// of another (pipelining): a whole crowd costs a write and a read of the socket, in place of two for each.

export type PipelinedReader = {
  /** Rejects as the driver does, or with ERR_POOL_BUSY where too many wait for an answer already. */
  query: <Row>(query: QueryConfig) => Promise<Row[]>
  close: () => void
}

/** More than a Postgres that is well leaves unanswered. */
const underWayAtMost = 500

export type PipelineOptions = ClientConfig & { onConnect?: (client: ClientBase) => void }

type Line = { client: Client; stalled: Error | null }

/**
 * Connects when it is first asked, again after each loss, and anew after `lifetime` milliseconds: a connection that were
 * kept for ever would go on reading from a server that another has replaced, as long as that one answers.
 */
export const openPipelinedReader = (
  options: PipelineOptions,
  log: Log,
  lifetime = 30_000,
): PipelinedReader => {
  let line: Promise<Line> | null = null
  let successor: Promise<Line> | null = null
  let openedAt = 0
  let underWay = 0

  const connect = (): Promise<Line> => {
    const client = new Client({ ...options, pipeline: true })
    const lose = () => {
      if (line === connected) line = null
    }
    client.on('error', err => {
      lose()
      log.debug({ err }, 'postgres connection broke')
    })
    client.on('end', lose)
    const connected = client.connect().then(() => {
      options.onConnect?.(client)
      return { client, stalled: null }
    })
    connected.catch(lose)
    return connected
  }

  const open = (): Promise<Line> => {
    openedAt = performance.now()
    return connect()
  }

  // What is under way on the old one is answered there. Where a new one cannot be had, the old one goes on.
  const replace = async (old: Promise<Line>): Promise<void> => {
    const next = open()
    successor = next
    try {
      await next
      if (line === old) line = next
      endSoon(line === next ? old : next)
    } catch (err) {
      log.debug({ err }, 'postgres connection failed')
    } finally {
      successor = null
    }
  }

  const current = (): Promise<Line> => {
    line ??= open()
    if (!successor && performance.now() - openedAt > lifetime) void replace(line)
    return line
  }

  const ask = async <Row>(query: QueryConfig): Promise<Row[]> => {
    const own = await current()
    const { client } = own
    try {
      inOneWrite((client as unknown as { connection: { stream: Duplex } }).connection.stream)
      return (await client.query(query)).rows as Row[]
    } catch (error) {
      // One that waited for too long ends the connection under all others: they too have waited, and are not to be
      // taken for those of a connection that was lost, which ask again.
      if (error instanceof Error && error.message.startsWith('Query read timeout')) own.stalled = error
      throw own.stalled ?? error
    }
  }

  return {
    query: async query => {
      if (underWay >= underWayAtMost)
        throw Object.assign(new Error('too many wait for an answer'), { code: 'ERR_POOL_BUSY' })
      underWay++
      try {
        return await ask(query)
      } finally {
        underWay--
      }
    },
    close: () => {
      for (const each of [line, successor]) if (each) endSoon(each)
    },
  }
}

// It takes leave when what is under way is answered. Nobody waits for that: a server that hangs never answers it.
const endSoon = (line: Promise<Line>): void => {
  line.then(
    ({ client }) => client.end().catch(() => {}),
    () => {},
  )
}
