// Guards for `node:http`, called with `(request, reply, next)`.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Level } from './checks.ts'
import type { Claims } from './claims.ts'
import type { Guard } from './guards.ts'
import { type NodeRequest, nodeGuards, runGuard, sendAnswer } from './node-guards.ts'
import { answerOf } from './refusal.ts'
import type { Verifier } from './verifier.ts'

export type { Claims } from './claims.ts'

/** A request behind a guard. `auth` holds the claims of its token, or null if `optionalAuth` let it pass without one. */
export type AuthRequest = IncomingMessage & { auth?: Claims | null }

/** Calls `next` if the request passes, and replies otherwise. */
export type Middleware = (request: AuthRequest, reply: ServerResponse, next: () => void) => void

// `next` is never called with an error: a handler that ignores its argument would then serve the request.
const middleware =
  (guard: Guard<NodeRequest>): Middleware =>
  (request, reply, next) =>
    runGuard(guard, request, {
      refuse: answer => sendAnswer(reply, answer),
      pass: () => next(),
      fail: error => {
        console.error(error)
        sendAnswer(reply, answerOf({ code: 'INTERNAL_ERROR' }, ''))
      },
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
