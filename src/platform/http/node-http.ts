import type * as http from 'node:http'
import type { Socket } from 'node:net'
import { require } from '../base/lazy-require.ts'

// Load `node:http` with `require`. An `import` reads each export, and the one of WebSocket loads all of undici: 14 MB and
// 50 ms in a process of its own, for a server that sends no requests.

/** How long a client may read nothing of a reply that has begun, in milliseconds. */
export const stalledAfterMs = 30_000

/**
 * Closes the connection of a client that reads nothing of its reply for `stalledAfterMs`. Node counts each byte that the
 * client reads as progress, so a slow reader keeps its connection. A request whose handler is still running also keeps it:
 * by default Node would close it while the handler waits for a store.
 */
export const closeStalledReaders = (server: http.Server): http.Server => {
  server.timeout = stalledAfterMs
  return server.prependListener('request', (_request, reply) => {
    reply.on('timeout', (socket: Socket) => {
      if (reply.headersSent) socket.destroy()
    })
  })
}

export type { Server } from 'node:http'
export const { createServer, STATUS_CODES, validateHeaderValue }: typeof http = require('node:http')
