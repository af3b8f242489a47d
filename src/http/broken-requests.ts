import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import { Problem } from '../base/problems.ts'
import { STATUS_CODES } from './node-http.ts'
import { problemJson } from './problem-json.ts'

const unreadable = () =>
  new Problem('VALIDATION_ERROR', {
    errors: [{ path: '', rule: 'http', message: 'This is no HTTP request that can be read.' }],
  })

const byCode: Record<string, () => Problem> = {
  HPE_HEADER_OVERFLOW: () => new Problem('HEADERS_TOO_LARGE'),
  ERR_HTTP_REQUEST_TIMEOUT: () => new Problem('REQUEST_TIMEOUT'),
}

/** How long a client may take to read the answer, in milliseconds. */
const lastWords = 1000

/** Answers what Node's parser gives up before there is a request, in the shape of every other problem. */
export const answerBroken = (error: Error & { code?: string }, socket: Socket): void => {
  // A reply that has begun cannot be followed by another.
  const { _httpMessage: begun } = socket as Socket & { _httpMessage?: { headersSent: boolean } }
  if (!socket.writable || error.code === 'ECONNRESET' || begun?.headersSent) return void socket.destroy()
  const requestId = randomUUID()
  const { status, headers, body } = problemJson(byCode[error.code ?? '']?.() ?? unreadable(), requestId)
  const content = JSON.stringify(body)
  const all = {
    ...headers,
    'X-Request-Id': requestId,
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
    'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
    'Content-Length': String(Buffer.byteLength(content)),
    Connection: 'close',
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${content}`)
  // Whoever never closes their side would keep it for ever: Node watches this connection no more.
  setTimeout(() => socket.destroy(), lastWords).unref()
}
