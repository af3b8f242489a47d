import type * as http from 'node:http'
import { require } from '../base/require.ts'

// An `import` of `node:http` reads each of its exports, and behind one of them stands a WebSocket: that loads all of
// undici, 14 MB and 50 ms where it stands alone, for a server that fetches nothing.

export type { Server } from 'node:http'
export const { createServer, STATUS_CODES }: typeof http = require('node:http')
