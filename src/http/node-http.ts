import type * as http from 'node:http'
import { require } from '../base/require.ts'

// An `import` of `node:http` reads each of its exports, and behind one of them stands a WebSocket: that loads all of
// undici, 14 MB and 50 ms where it stands alone, for a server that fetches nothing.

/**
 * A connection on which neither side gets on with a reply for this long is closed, in milliseconds. Node counts what the
 * client has taken as progress, so a slow reader keeps its connection and one that never reads does not.
 */
export const stalledAfter = 30_000

export type { Server } from 'node:http'
export const { createServer, STATUS_CODES }: typeof http = require('node:http')
