import type * as http from 'node:http'
import type { Socket } from 'node:net'
import { require } from '../base/lazy-require.ts'

// An `import` of `node:http` reads each of its exports, and behind one of them stands a WebSocket: that loads all of
// undici, 14 MB and 50 ms where it stands alone, for a server that fetches nothing.

/** How long a client may take nothing of a reply that has begun, in milliseconds. */
export const stalledAfter = 30_000

/**
 * Closes the connection of a client that reads nothing of its reply for `stalledAfter`. Node counts each byte that the
 * client takes as progress, so a slow reader keeps its connection. A request whose handler still works is left alone:
 * by default Node would cut it off while it waits for a store.
 */
export const closeStalledReaders = (server: http.Server): http.Server => {
  server.timeout = stalledAfter
  return server.prependListener('request', (_request, reply) => {
    reply.on('timeout', (socket: Socket) => {
      if (reply.headersSent) socket.destroy()
    })
  })
}

export type { Server } from 'node:http'
export const { createServer, STATUS_CODES }: typeof http = require('node:http')
