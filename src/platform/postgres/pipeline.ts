import { Client, type ClientBase, type ClientConfig } from 'pg'
import type { Log } from '../base/log.ts'
import type { KnownColumns } from './pg-query-patches.ts'

/** `isPooled`: a pooler may send each query to another server, so none can be prepared. */
export type PipelineOptions = ClientConfig & {
  onConnect?: (client: ClientBase) => void
  isPooled?: boolean
}

export type Pipeline = {
  client: Client
  columns: KnownColumns
  /** How long a query may take. 0 means any time. */
  timeoutMs: number
  timeoutError: Error | null
}

/** A connection that is opened. `pipeline` is null until it is open, so that later reads need not wait a turn for it. */
export type Opening = { opened: Promise<Pipeline>; pipeline: Pipeline | null }

/**
 * Opens a connection. `onLost` is called if it cannot be opened, and when it ends.
 *
 * `runPipelined` sets the timeout of each query. pg would assign a closure to a property of the query (`query.callback = …`).
 * V8 allocates such a closure in the old generation. It then keeps the row and the whole request in memory until the next
 * full collection: 1.1 kB of each request.
 *
 * Behind a pooler pg sets it, as `beginWithSettings` also sends BEGIN and COMMIT.
 */
export const openPipeline = (options: PipelineOptions, log: Log, onLost: () => void): Opening => {
  const { query_timeout: timeoutMs = 0, isPooled } = options
  const client = new Client({ ...options, pipeline: true, query_timeout: isPooled ? timeoutMs : 0 })
  client.on('error', err => {
    onLost()
    log.debug({ err }, 'postgres connection broke')
  })
  client.on('end', onLost)
  const opened = client.connect().then(() => {
    options.onConnect?.(client)
    opening.pipeline = { client, columns: new Map(), timeoutMs, timeoutError: null }
    return opening.pipeline
  })
  opened.catch(onLost)
  const opening: Opening = { opened, pipeline: null }
  return opening
}

// Nothing waits for this end, as a server that hangs never answers.
export const endWhenAnswered = ({ opened }: Opening): void => {
  opened.then(
    ({ client }) => client.end().catch(() => {}),
    () => {},
  )
}
