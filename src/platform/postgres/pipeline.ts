import { Client, type ClientBase, type ClientConfig } from 'pg'
import type { Log } from '../base/log.ts'
import type { KnownColumns } from './pg-query-patches.ts'

/** `isPooled`: a pooler may send each query to another server, so none can be prepared. */
export type PipelineOptions = ClientConfig & {
  onConnect?: (client: ClientBase) => void
  isPooled?: boolean
}

export type Pipeline = { client: Client; columns: KnownColumns; timeoutError: Error | null }

/** A connection that is opened. `pipeline` is null until it is open, so that later reads need not wait a turn for it. */
export type Opening = { opened: Promise<Pipeline>; pipeline: Pipeline | null }

/** Opens a connection. `onLost` is called if it cannot be opened, and when it ends. */
export const openPipeline = (options: PipelineOptions, log: Log, onLost: () => void): Opening => {
  const client = new Client({ ...options, pipeline: true })
  client.on('error', err => {
    onLost()
    log.debug({ err }, 'postgres connection broke')
  })
  client.on('end', onLost)
  const opened = client.connect().then(() => {
    options.onConnect?.(client)
    opening.pipeline = { client, columns: new Map(), timeoutError: null }
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
