import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

type Seen = { method: string; url: string; authorization: string | undefined; body: string }

/** A server of an app that records what it is sent. */
export type RequestLog = AsyncDisposable & { origin: string; seen: Seen[] }

/** Opens a server. `reply` answers a request, by default with 200. */
export const openRequestLog = async (
  reply: (request: IncomingMessage, response: ServerResponse) => void = (_, response) => response.end('ok'),
): Promise<RequestLog> => {
  const seen: Seen[] = []
  const server = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request
    seen.push({ method, url, authorization: headers.authorization, body: await text(request) })
    reply(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    seen,
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
