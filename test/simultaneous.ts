import { once } from 'node:events'
import { connect } from 'node:net'
import type { Reply } from './client.ts'
import { readHeaders } from './reply-headers.ts'
import { slowness } from './until.ts'

// Sends requests at the same moment, to provoke race conditions.
//
// Each request waits without its last byte on its own used connection. All last bytes are then written in one turn of the
// event loop. This is last-byte synchronization, as in Kettle, "Smashing the state machine", 2023.

export type HttpRequest = {
  method?: string
  /** Without a leading slash it is below `/api/v1/auth/`. */
  path: string
  body?: unknown
  token?: string | undefined
  headers?: Record<string, string>
}

const maxConnections = 64
const timeoutMs = Math.round(15_000 * slowness)

const serialize = ({ method = 'POST', path, body, token, headers = {} }: HttpRequest): Buffer => {
  const content = typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body)
  const lines = {
    host: 'latchkey.test',
    ...(body !== undefined && { 'content-type': 'application/json' }),
    ...(method !== 'GET' && { 'content-length': String(Buffer.byteLength(content)) }),
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...headers,
  }
  const target = path.startsWith('/') ? path : `/api/v1/auth/${path}`
  const head = Object.entries(lines).map(([name, value]) => `${name}: ${value}`)
  return Buffer.from([`${method} ${target} HTTP/1.1`, ...head, '', content].join('\r\n'))
}

/** Parses the reply at the beginning of these bytes. Returns null while it is incomplete. */
const parseReply = (bytes: Buffer): Reply | null => {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd < 0) return null
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, headEnd).split('\r\n')
  const headers = readHeaders(
    lines.flatMap(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
  )
  const status = Number(statusLine.split(' ')[1])
  // The API sends `content-length` with every reply that has content. A reply without content may omit it.
  const length = Number(headers.get('content-length') ?? 0)
  const content = bytes.subarray(headEnd + 4)
  if (content.length < length) return null
  const text = content.toString('utf8')
  const isJson = text !== '' && /json/.test(headers.get('content-type') ?? '')
  return { status, headers, text, body: isJson ? JSON.parse(text) : null }
}

type Connection = {
  /** Writes all of a request but its last byte, and resolves with the reply. */
  prepare: (bytes: Buffer) => Promise<Reply>
  /** Writes the last byte. */
  finish: () => void
  close: () => void
}

const openConnection = async (url: string): Promise<Connection> => {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  socket.setNoDelay(true)
  let lastByte: Buffer = Buffer.alloc(0)
  let received: Buffer = Buffer.alloc(0)
  let pending: PromiseWithResolvers<Reply> | null = null
  socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no reply within ${timeoutMs} ms`)))
  socket.on('error', error => pending?.reject(error))
  socket.on('close', () => pending?.reject(new Error('the connection was closed without a reply')))
  socket.on('data', chunk => {
    received = Buffer.concat([received, chunk])
    const reply = parseReply(received)
    if (reply) pending?.resolve(reply)
  })
  return {
    prepare: bytes => {
      lastByte = bytes.subarray(-1)
      received = Buffer.alloc(0)
      pending = Promise.withResolvers()
      if (socket.destroyed) pending.reject(new Error('the connection was closed before it was used'))
      socket.write(bytes.subarray(0, -1))
      return pending.promise
    },
    finish: () => socket.write(lastByte),
    close: () => socket.destroy(),
  }
}

// The server keeps a used connection for a minute. It drops one that never carried a request as a slow request.
const openUsedConnection = async (url: string): Promise<Connection> => {
  const connection = await openConnection(url)
  const replied = connection.prepare(serialize({ method: 'GET', path: '/livez' }))
  connection.finish()
  await replied
  return connection
}

const nextTurn = () => new Promise(resolve => setImmediate(resolve))

const sendBatch = async (connections: readonly Connection[], batch: readonly Buffer[]): Promise<Reply[]> => {
  const used = connections.slice(0, batch.length)
  const replies = Promise.all(used.map((connection, i) => connection.prepare(batch[i] ?? Buffer.alloc(0))))
  // Meanwhile the servers read everything but the last bytes.
  await nextTurn()
  await nextTurn()
  for (const connection of used) connection.finish()
  return replies
}

/**
 * Sends requests at the same moment, distributed round-robin over the URLs. More than 64 requests are sent in batches
 * of 64, one directly after another. Throws if a request gets no reply.
 */
export const sendSimultaneously = async (
  urls: readonly string[],
  requests: readonly HttpRequest[],
): Promise<Reply[]> => {
  // The batch size is a multiple of the number of URLs, so that request `i` of every batch goes to the same URL.
  const batchSize = Math.floor(maxConnections / urls.length) * urls.length
  const connections: Connection[] = []
  try {
    for (let i = 0; i < Math.min(batchSize, requests.length); i++)
      connections.push(await openUsedConnection(urls[i % urls.length] ?? ''))
    const replies: Reply[] = []
    for (let start = 0; start < requests.length; start += batchSize)
      replies.push(...(await sendBatch(connections, requests.slice(start, start + batchSize).map(serialize))))
    return replies
  } finally {
    for (const connection of connections) connection.close()
  }
}

/** Counts replies by status: `{ 200: 1, 401: 19 }`. */
export const statusesOf = (replies: readonly Reply[]): Record<number, number> => {
  const counts: Record<number, number> = {}
  for (const { status } of replies) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

/** The same request, repeated. */
export const times = (count: number, request: HttpRequest | ((i: number) => HttpRequest)): HttpRequest[] =>
  Array.from({ length: count }, (_, i) => (typeof request === 'function' ? request(i) : request))

/**
 * Opens the Postgres connections of these instances in advance. Opening them while the requests run would spread the
 * requests over time, and on a busy machine some would be rejected.
 */
export const openPools = async (...instances: readonly { warm: () => Promise<void> }[]): Promise<void> => {
  await Promise.all(instances.map(({ warm }) => warm()))
}
