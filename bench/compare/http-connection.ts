import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

// A client that uses little CPU: one request after another over one connection that stays open. CPU time of the client
// is missing for the server on the same machine, and hides how servers differ.

export type HttpRequest = {
  method: 'GET' | 'POST'
  path: string
  headers: Record<string, string>
  body?: string
}

export type Reply = { status: number; body: string }

export type HttpConnection = Disposable & { send: (request: string) => Promise<Reply> }

/** The bytes of a request. */
export const serialize = ({ method, path, headers, body }: HttpRequest): string => {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const content = body === undefined ? '' : 'Content-Type: application/json\r\n'
  const length = body === undefined ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`
  const head = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench/1.0\r\n`
  return `${head}${lines.join('')}${content}${length}\r\n${body ?? ''}`
}

/** The body of a chunked message, or null if some of it is missing (RFC 9112, section 7.1). */
const unchunked = (text: string): { body: string; end: number } | null => {
  let body = ''
  for (let at = 0; ; ) {
    const line = text.indexOf('\r\n', at)
    if (line < 0) return null
    const size = Number.parseInt(text.slice(at, line), 16)
    if (Number.isNaN(size)) throw new Error('a chunked reply cannot be parsed')
    const next = line + 2 + size + 2
    if (text.length < next) return null
    if (size === 0) return { body, end: next }
    body += text.slice(line + 2, line + 2 + size)
    at = next
  }
}

/** Parses one reply, or returns null if some of it is missing. Texts are latin1: one character is one byte. */
const readReply = (text: string): Reply | null => {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return null
  const head = text.slice(0, end)
  const status = Number(head.slice(9, 12))
  const rest = text.slice(end + 4)
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length !== undefined) return rest.length < Number(length) ? null : { status, body: rest }
  if (/\r\ntransfer-encoding: *chunked/i.test(head)) {
    const whole = unchunked(rest)
    return whole && { status, body: whole.body }
  }
  return { status, body: '' }
}

const connected = async (port: number): Promise<Socket> => {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  return socket
}

export const openHttpConnection = async (port: number): Promise<HttpConnection> => {
  const socket = await connected(port)
  let waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void } | null = null
  let received = ''
  const fail = (error: Error): void => waiting?.reject(error)
  socket.setEncoding('latin1')
  socket.on('error', fail)
  socket.on('close', () => fail(new Error('the server closed the connection')))
  socket.on('data', (text: string) => {
    received = received === '' ? text : received + text
    const reply = readReply(received)
    if (!reply) return
    const { resolve } = waiting ?? {}
    waiting = null
    received = ''
    resolve?.(reply)
  })
  return {
    send: request => {
      const { promise, resolve, reject } = Promise.withResolvers<Reply>()
      waiting = { resolve, reject }
      if (!socket.writable) reject(new Error('the connection is closed'))
      else socket.write(request, 'latin1')
      return promise
    },
    [Symbol.dispose]: () => socket.destroy(),
  }
}
