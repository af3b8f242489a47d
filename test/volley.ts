import { once } from 'node:events'
import { connect } from 'node:net'
import type { Reply } from './client.ts'
import { readHeaders } from './reply-headers.ts'

// Requests that arrive together (J. Kettle, "Smashing the state machine", 2023): each waits on a connection of its own
// that is open and has been used, and lacks its last byte. All last bytes leave in one turn of the event loop.

export type Shot = {
  method?: string
  /** Without a leading slash it is below `/api/v1/auth/`. */
  path: string
  body?: unknown
  token?: string | undefined
  headers?: Record<string, string>
}

const connectionsAtMost = 64
const patience = 15_000

const written = ({ method = 'POST', path, body, token, headers = {} }: Shot): Buffer => {
  const content = body === undefined ? '' : JSON.stringify(body)
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

/** The reply at the beginning of these bytes, or null where it is not whole yet. */
const readReply = (bytes: Buffer): Reply | null => {
  const at = bytes.indexOf('\r\n\r\n')
  if (at < 0) return null
  const [first = '', ...lines] = bytes.toString('latin1', 0, at).split('\r\n')
  const headers = readHeaders(
    lines.flatMap(line => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
  )
  const status = Number(first.split(' ')[1])
  // The API says how long every content is; an empty reply may not.
  const length = Number(headers.get('content-length') ?? 0)
  const content = bytes.subarray(at + 4)
  if (content.length < length) return null
  const text = content.toString('utf8')
  const isJson = text !== '' && /json/.test(headers.get('content-type') ?? '')
  return { status, headers, text, body: isJson ? JSON.parse(text) : null }
}

type Barrel = { load: (bytes: Buffer) => Promise<Reply>; fire: () => void; close: () => void }

const openBarrel = async (url: string): Promise<Barrel> => {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  socket.setNoDelay(true)
  let last: Buffer = Buffer.alloc(0)
  let received: Buffer = Buffer.alloc(0)
  let waiting: PromiseWithResolvers<Reply> | null = null
  socket.setTimeout(patience, () => socket.destroy(new Error('no answer came')))
  socket.on('error', error => waiting?.reject(error))
  socket.on('close', () => waiting?.reject(new Error('the connection was closed without an answer')))
  socket.on('data', chunk => {
    received = Buffer.concat([received, chunk])
    const reply = readReply(received)
    if (reply) waiting?.resolve(reply)
  })
  return {
    load: bytes => {
      last = bytes.subarray(-1)
      received = Buffer.alloc(0)
      waiting = Promise.withResolvers()
      if (socket.destroyed) waiting.reject(new Error('the connection was closed before it was used'))
      socket.write(bytes.subarray(0, -1))
      return waiting.promise
    },
    fire: () => socket.write(last),
    close: () => socket.destroy(),
  }
}

// A connection that has been used is kept for a minute; one that was merely opened is dropped as a slow request.
const openUsedBarrel = async (url: string): Promise<Barrel> => {
  const barrel = await openBarrel(url)
  const replied = barrel.load(written({ method: 'GET', path: '/livez' }))
  barrel.fire()
  await replied
  return barrel
}

const turn = () => new Promise(resolve => setImmediate(resolve))

const volleyOf = async (barrels: readonly Barrel[], requests: readonly Buffer[]): Promise<Reply[]> => {
  const loaded = barrels.slice(0, requests.length)
  const replies = Promise.all(loaded.map((barrel, i) => barrel.load(requests[i] ?? Buffer.alloc(0))))
  // The servers read what is there, and wait.
  await turn()
  await turn()
  for (const barrel of loaded) barrel.fire()
  return replies
}

/**
 * Fires requests at once, the first at the first address, the next at the next and so on in turn; more than 64 go in
 * volleys of 64, one right after the other. Throws where one gets no reply at all.
 */
export const volley = async (urls: readonly string[], shots: readonly Shot[]): Promise<Reply[]> => {
  // Whole rounds, so that request `i` goes to the same address in every volley.
  const width = Math.floor(connectionsAtMost / urls.length) * urls.length
  const barrels: Barrel[] = []
  try {
    for (let i = 0; i < Math.min(width, shots.length); i++)
      barrels.push(await openUsedBarrel(urls[i % urls.length] ?? ''))
    const replies: Reply[] = []
    for (let at = 0; at < shots.length; at += width)
      replies.push(...(await volleyOf(barrels, shots.slice(at, at + width).map(written))))
    return replies
  } finally {
    for (const barrel of barrels) barrel.close()
  }
}

/** How often each status came: `{ 200: 1, 401: 19 }`. */
export const statusesOf = (replies: readonly Reply[]): Record<number, number> => {
  const counts: Record<number, number> = {}
  for (const { status } of replies) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

/** The same request, this many times. */
export const times = (count: number, shot: Shot | ((i: number) => Shot)): Shot[] =>
  Array.from({ length: count }, (_, i) => (typeof shot === 'function' ? shot(i) : shot))

/**
 * Opens the connections of these instances to Postgres. One that opens them in the midst of a volley spreads it, and on
 * a busy machine refuses a part of it.
 */
export const openPools = async (...instances: readonly { warm: () => Promise<void> }[]): Promise<void> => {
  await Promise.all(instances.map(({ warm }) => warm()))
}
