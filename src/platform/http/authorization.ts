import type { IncomingMessage } from 'node:http'
import type { Deps } from '../../deps.ts'
import type { Problem } from '../catalog/problems.ts'
import type { Client } from './client.ts'
import type { Cookie } from './cookie.ts'
import type { TakenLimits } from './limit.ts'
import type { Route } from './route.ts'

/** A request before its caller is authenticated. `body` and `query` are parsed. */
export type IncomingRequest = {
  route: Route
  request: IncomingMessage
  client: Client
  body: unknown
  query: unknown
  cookie: Cookie | null
}

/** The caller in the shape that the handler expects, or the problem that ends the request. */
export type AuthResult = Pick<TakenLimits, 'headers' | 'taken'> & {
  outcome: Record<string, unknown> | Problem
}

/** Authenticates the caller of a route and takes the limits of the route. It runs before the handler. */
export type Authorize = (deps: Deps, incoming: IncomingRequest) => Promise<AuthResult>
