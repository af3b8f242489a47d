import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

// A gateway that answers as a test says, and keeps what it was asked.

export type Asked = { method: string; path: string; headers: IncomingHttpHeaders; body: string }

export type AnyGateway = AsyncDisposable & {
  url: string
  asked: Asked[]
  /** How many connections came, whether anything was asked over them or not. */
  connections: () => number
  /** What every question is answered from now on. */
  answer: (by: (reply: ServerResponse, asked: Asked) => void) => void
  /** Resets this many connections to come, before anything is read. */
  reset: (count: number) => void
}

/** A reply of JSON, or of any text. */
export const says =
  (status: number, body: unknown, headers: Record<string, string> = {}) =>
  (reply: ServerResponse): void => {
    reply.writeHead(status, { 'Content-Type': 'application/json', ...headers })
    reply.end(typeof body === 'string' ? body : JSON.stringify(body))
  }

export const openAnyGateway = async (): Promise<AnyGateway> => {
  const asked: Asked[] = []
  let [connections, resets] = [0, 0]
  let by: Parameters<AnyGateway['answer']>[0] = says(500, {})
  const server = createServer(async (request, reply) => {
    const { method = '', url: path = '', headers } = request
    const question = { method, path, headers, body: await text(request) }
    asked.push(question)
    by(reply, question)
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
    ...{ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked },
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

/** The address of a gateway that is not there: nobody listens at it. */
export const nowhere = async (): Promise<string> => {
  await using gateway = await openAnyGateway()
  return gateway.url
}
