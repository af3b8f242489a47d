import type { Duplex } from 'node:stream'
import { Client, type ClientConfig, type Pool, type QueryConfig } from 'pg'
import type { Log } from '../base/log.ts'
import { inOneWrite } from './one-write.ts'

// Reads that every request makes go one behind the other over a connection of their own, none waiting for the answer
// of another (pipelining): a whole crowd costs a write and a read of the socket, in place of two for each.

type ReadLine = {
  /** Rejects as the driver does, or with ERR_POOL_BUSY where too many wait for an answer already. */
  ask: <Row>(query: QueryConfig) => Promise<Row[]>
  close: () => Promise<void>
}

/** More than a Postgres that is well leaves unanswered. */
const underWayAtMost = 500

type Line = { client: Client; stalled: Error | null }

// Connects when it is first asked, and again after each loss.
const openReadLine = (options: ClientConfig, log: Log): ReadLine => {
  let line: Promise<Line> | null = null
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
    const connected = client.connect().then(() => ({ client, stalled: null }))
    connected.catch(lose)
    return connected
  }

  const ask = async <Row>(query: QueryConfig): Promise<Row[]> => {
    line ??= connect()
    const own = await line
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
    ask: async query => {
      if (underWay >= underWayAtMost)
        throw Object.assign(new Error('too many wait for an answer'), { code: 'ERR_POOL_BUSY' })
      underWay++
      try {
        return await ask(query)
      } finally {
        underWay--
      }
    },
    close: async () => {
      const own = await line?.catch(() => null)
      await own?.client.end()
    },
  }
}

const lines = new WeakMap<Pool, ReadLine>()

/** Adds a line to a pool, with which it ends. */
export const addReadLine = (pool: Pool, log: Log): void => {
  const { options } = pool as unknown as { options: ClientConfig }
  const line = openReadLine(options, log)
  lines.set(pool, line)
  const end = pool.end.bind(pool) as (ended?: () => void) => Promise<void>
  const endBoth = async (ended?: () => void): Promise<void> => {
    await line.close()
    await end(ended)
  }
  pool.end = endBoth as Pool['end']
}

export const readLineOf = (pool: Pool): ReadLine => {
  const line = lines.get(pool)
  if (!line) throw new Error('no line was added to this pool')
  return line
}
