import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** A request that the gateway has received. */
export type GatewayRequest = { method: string; path: string; headers: IncomingHttpHeaders; body: string }

export type ScriptedGateway = AsyncDisposable & {
  url: string
  requests: GatewayRequest[]
  /** How many connections were opened, with or without a request. */
  connections: () => number
  /** Answers every request like this from now on. */
  answer: (by: (reply: ServerResponse, request: GatewayRequest) => void) => void
  /** Resets this many of the next connections before anything is read from them. */
  reset: (count: number) => void
}

/** Sends a reply of JSON, or of any text. */
export const replyWith =
  (status: number, body: unknown, headers: Record<string, string> = {}) =>
  (reply: ServerResponse): void => {
    reply.writeHead(status, { 'Content-Type': 'application/json', ...headers })
    reply.end(typeof body === 'string' ? body : JSON.stringify(body))
  }

/** Opens a payment gateway that answers as the test says, and records the requests. */
export const openScriptedGateway = async (): Promise<ScriptedGateway> => {
  const requests: GatewayRequest[] = []
  let [connections, resets] = [0, 0]
  let by: Parameters<ScriptedGateway['answer']>[0] = replyWith(500, {})
  const server = createServer(async (incoming, reply) => {
    const { method = '', url: path = '', headers } = incoming
    const request = { method, path, headers, body: await text(incoming) }
    requests.push(request)
    by(reply, request)
  })
  server.on('connection', socket => {
    connections++
    if (resets > 0) {
      resets--
      socket.resetAndDestroy()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    ...{ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests },
    connections: () => connections,
    answer: given => {
      by = given
    },
    reset: count => {
      resets = count
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** A URL at which no server listens. */
export const unreachableUrl = async (): Promise<string> => {
  await using gateway = await openScriptedGateway()
  return gateway.url
}
