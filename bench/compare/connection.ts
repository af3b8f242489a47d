import { setTimeout as sleep } from 'node:timers/promises'
import { type HttpRequest, openHttpConnection, type Reply, serialize } from './http-connection.ts'

/**
 * The requests of one connection, sent in turn. With `rotates` each reply holds the refresh token that replaces
 * `{{token}}` in the next request. With `mayRefuse` a 503 is allowed: the service refuses a password that would wait too
 * long to be hashed.
 */
export type ConnectionSpec = { requests: HttpRequest[]; status: number; rotates?: string; mayRefuse?: true }

export type Connection = Disposable & {
  /** Sends the next request. Returns false after a 503 that is allowed, and throws after any other unexpected status. */
  sendNext: () => Promise<boolean>
  /** The refresh token that the next request would present. */
  token: () => string | undefined
}

/** How long a client waits after a 503, in milliseconds. */
const retryAfterMs = 500

const isExpected = (reply: Reply, { status, mayRefuse }: ConnectionSpec, request: HttpRequest): boolean => {
  if (reply.status === status) return true
  if (reply.status === 503 && mayRefuse) return false
  throw new Error(`${request.method} ${request.path} answered ${reply.status}: ${reply.body.slice(0, 300)}`)
}

const nextToken = (reply: Reply, before: string): string => {
  const token = /"refresh_token":"([^"]+)"/.exec(reply.body)?.[1]
  if (token && token !== before) return token
  throw new Error('a refresh gave no new token')
}

const hasPlaceholder = ({ body = '' }: HttpRequest): boolean => body.includes('{{token}}')

/** Opens a connection that sends these requests in turn. */
const openConnection = async (port: number, spec: ConnectionSpec): Promise<Connection> => {
  const { requests } = spec
  const connection = await openHttpConnection(port)
  const prepared = requests.map(request => (hasPlaceholder(request) ? null : serialize(request)))
  let turn = 0
  let token = spec.rotates
  const filled = (request: HttpRequest): string =>
    serialize({ ...request, body: (request.body ?? '').replace('{{token}}', token ?? '') })
  return {
    sendNext: async () => {
      const at = turn++ % requests.length
      const request = requests[at] as HttpRequest
      const reply = await connection.send(prepared[at] ?? filled(request))
      if (!isExpected(reply, spec, request)) {
        await sleep(retryAfterMs)
        return false
      }
      if (token !== undefined) token = nextToken(reply, token)
      return true
    },
    token: () => token,
    [Symbol.dispose]: () => connection[Symbol.dispose](),
  }
}

/** Opens one connection for each of these specifications. */
export const openConnections = async (
  port: number,
  specs: ConnectionSpec[],
): Promise<Connection[] & Disposable> => {
  const all = await Promise.all(specs.map(spec => openConnection(port, spec)))
  return Object.assign(all, {
    [Symbol.dispose]: () => all.forEach(connection => void connection[Symbol.dispose]()),
  })
}
