import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Problem } from '../catalog/problems.ts'
import { STATUS_CODES } from './node-http.ts'
import { isOAuthRequest, oauthJson } from './oauth-json.ts'
import { problemJson } from './problem-json.ts'

const unreadable = () =>
  new Problem('VALIDATION_ERROR', {
    errors: [{ path: '', rule: 'http', message: 'This is no HTTP request that can be read.' }],
  })

const byCode: Record<string, () => Problem> = {
  HPE_HEADER_OVERFLOW: () => new Problem('HEADERS_TOO_LARGE'),
  ERR_HTTP_REQUEST_TIMEOUT: () => new Problem('REQUEST_TIMEOUT'),
}

/** The headers that `securityHeaders` and `crossOrigin` set on every other reply. */
const securityHeaders = {
  'Content-Security-Policy': "default-src 'none';base-uri 'none';form-action 'none';frame-ancestors 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Origin-Agent-Cluster': '?1',
  'Referrer-Policy': 'no-referrer',
  'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
  'X-Content-Type-Options': 'nosniff',
  'X-DNS-Prefetch-Control': 'off',
  'X-Download-Options': 'noopen',
  'X-Frame-Options': 'DENY',
  'X-Permitted-Cross-Domain-Policies': 'none',
  'X-XSS-Protection': '0',
  Vary: 'Origin',
}

/** What Node keeps at a socket whose request has a head already: its response. */
type BusySocket = Socket & { _httpMessage?: { headersSent: boolean; req: IncomingMessage } }

/** How long a client may take to read the answer before its connection is closed. */
const closeAfterMs = 1000

/** Answers input that never becomes a request with a problem, like every other error. */
export const clientErrorHandlers = (base: string) => ({
  /** Answers input that the HTTP parser of Node rejects. */
  onClientError: (error: Error & { code?: string }, socket: Socket): void => {
    // A second reply would be read as a part of one that has begun.
    const { _httpMessage: begun } = socket as BusySocket
    if (!socket.writable || error.code === 'ECONNRESET' || begun?.headersSent) return void socket.destroy()
    answer(socket, byCode[error.code ?? '']?.() ?? unreadable(), base, begun?.req)
  },
  /** Refuses CONNECT, as this server is not a proxy. Node hands the socket over without an error handler and a timeout. */
  onConnect: (_request: unknown, socket: Duplex): void => {
    socket.on('error', () => {})
    answer(socket, new Problem('METHOD_NOT_ALLOWED', { headers: { Allow: '' } }), base)
  },
})

const answer = (socket: Duplex, problem: Problem, base: string, req?: IncomingMessage): void => {
  const requestId = randomUUID()
  const isOAuth = req !== undefined && isOAuthRequest({ req, state: { base } })
  const { status, headers, body } = isOAuth ? oauthJson(problem) : problemJson(problem, requestId, base)
  const content = JSON.stringify(body)
  const all = {
    ...headers,
    'X-Request-Id': requestId,
    ...securityHeaders,
    'Content-Length': String(Buffer.byteLength(content)),
    Connection: 'close',
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${content}`)
  // A client that never closes its side would keep the socket open forever: Node no longer applies timeouts to it.
  setTimeout(() => socket.destroy(), closeAfterMs).unref()
}
