// Guards for Express 5 and 4. The types are those of `node:http`: Express accepts them, and its types stay optional.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Level } from './checks.ts'
import type { Claims } from './claims.ts'
import type { Guard } from './guards.ts'
import { type NodeRequest, nodeGuards, runGuard, sendAnswer } from './node-guards.ts'
import type { Verifier } from './verifier.ts'

export type { Claims } from './claims.ts'

declare global {
  namespace Express {
    interface Request {
      /** The claims of the access token, or null if `optionalAuth` let the request pass without one. */
      auth?: Claims | null
    }
  }
}

/** An Express middleware. */
export type Middleware = (
  request: IncomingMessage & { auth?: Claims | null },
  reply: ServerResponse,
  next: (error?: unknown) => void,
) => void

const middleware =
  (guard: Guard<NodeRequest>): Middleware =>
  (request, reply, next) =>
    runGuard(guard, request, {
      refuse: answer => sendAnswer(reply, answer),
      pass: () => next(),
      // Always an error: `next()` and `next('route')` would let the request pass.
      fail: error => next(error instanceof Error ? error : new Error('a guard failed', { cause: error })),
    })

/** Requires a valid access token. */
export const requireAuth = (verifier: Verifier): Middleware => middleware(nodeGuards.requireAuth(verifier))

/** Accepts a request without a token too. An invalid token is refused. */
export const optionalAuth = (verifier: Verifier): Middleware => middleware(nodeGuards.optionalAuth(verifier))

/** Requires a user whose email address was verified when the token was issued. */
export const requireVerified = (): Middleware => middleware(nodeGuards.requireVerified())

/** Requires a user who had the role when the token was issued. */
export const requireRole = (role: string): Middleware => middleware(nodeGuards.requireRole(role))

/** Requires a machine client with the scope. Several scopes are separated by spaces. */
export const requireScope = (scope: string): Middleware => middleware(nodeGuards.requireScope(scope))

/** Requires a user who authenticated within the last seconds. */
export const requireFresh = (seconds: number): Middleware => middleware(nodeGuards.requireFresh(seconds))

/** Requires a user who authenticated at this level: `aal2` is with a second factor. */
export const requireAcr = (level: Level): Middleware => middleware(nodeGuards.requireAcr(level))
