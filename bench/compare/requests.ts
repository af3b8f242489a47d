import { type Account, password } from './accounts.ts'
import type { ConnectionSpec } from './connection.ts'
import type { HttpRequest } from './http-connection.ts'
import type { Session } from './latchkey-data.ts'

// The requests to each service. All get the same kinds of request in their own format.

const post = (path: string, body: object, headers: Record<string, string> = {}): HttpRequest => ({
  ...{ method: 'POST', path, headers, body: JSON.stringify(body) },
})

const get = (path: string, headers: Record<string, string>): HttpRequest => ({ method: 'GET', path, headers })

const bearer = ({ access }: Session) => ({ Authorization: `Bearer ${access}` })

export type TargetRequests = {
  me: (session: Session) => HttpRequest
  /** Null if the service verifies no token without a store. */
  guarded: ((session: Session) => HttpRequest) | null
  /** Null if the service has no refresh token. */
  refresh: HttpRequest | null
  login: (account: Account) => HttpRequest
}

const requestsOf = (base: string): TargetRequests => ({
  me: session => get(`${base}/me`, bearer(session)),
  guarded: session => get('/guarded', bearer(session)),
  refresh: post(`${base}/refresh`, { refresh_token: '{{token}}' }),
  login: ({ email }) => post(`${base}/login`, { email, password }),
})

export const latchkeyRequests: TargetRequests = requestsOf('/api/v1/auth')
export const handWrittenRequests: TargetRequests = requestsOf('')
export const betterAuthRequests: TargetRequests = {
  me: ({ cookie }) => get('/api/auth/get-session', { Cookie: cookie }),
  guarded: null,
  refresh: null,
  login: ({ email }) => post('/api/auth/sign-in/email', { email, password }),
}

/** Distributes these over this many connections. */
const distribute = <T>(all: T[], connectionCount: number): T[][] =>
  Array.from({ length: connectionCount }, (_, at) => all.filter((_, index) => index % connectionCount === at))

export const cycling = (asks: HttpRequest[], connectionCount: number): ConnectionSpec[] =>
  distribute(asks, connectionCount).map(own => ({ requests: own, status: 200 }))

/** For processes that have just started: they may answer 503 at first, and these answers are counted. */
export const allowRefusals = (connections: ConnectionSpec[]): ConnectionSpec[] =>
  connections.map(connection => ({ ...connection, mayRefuse: true }))

/** Each connection refreshes its own session. */
export const rotating = (ask: HttpRequest, tokens: string[]): ConnectionSpec[] =>
  tokens.map(rotates => ({ requests: [ask], status: 200, rotates }))

/** Each connection sends requests that hash a password. */
export const hashing = (asks: HttpRequest[], status: number, connectionCount: number): ConnectionSpec[] =>
  Array.from({ length: connectionCount }, (_, at) => ({
    ...{ requests: [asks[at % asks.length] as HttpRequest], status, mayRefuse: true },
  }))
