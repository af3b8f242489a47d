// Guards for Fastify, as `onRequest` hooks. Only types of Fastify are imported.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { readFrom, writeTo } from './carrier.ts'
import type { Level } from './checks.ts'
import type { Claims } from './claims.ts'
import { type Guard, openGuards } from './guards.ts'
import { isPending } from './is-pending.ts'
import { authorizationOf } from './node-guards.ts'
import type { Verifier } from './verifier.ts'

export type { Claims } from './claims.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The claims of the access token, or null if `optionalAuth` let the request pass without one. */
    auth?: Claims | null
  }
}

/** An `onRequest` hook. */
export type Hook = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply | undefined>

const guards = openGuards<FastifyRequest>({
  authorization: request => authorizationOf(request.raw),
  read: readFrom,
  write: (request, authenticated) => {
    writeTo(request, authenticated)
    request.auth = authenticated.auth
  },
  requestId: request => request.id,
  report: (request, error) => request.log.error(error),
})

const hook =
  (guard: Guard<FastifyRequest>): Hook =>
  async (request, reply) => {
    const decided = guard(request)
    const answer = isPending(decided) ? await decided : decided
    if (!answer) return undefined
    // As bytes: Fastify adds a charset to the type of a text, which `application/problem+json` does not have.
    return reply.code(answer.status).headers(answer.headers).send(Buffer.from(answer.body))
  }

/** Requires a valid access token. */
export const requireAuth = (verifier: Verifier): Hook => hook(guards.requireAuth(verifier))

/** Accepts a request without a token too. An invalid token is refused. */
export const optionalAuth = (verifier: Verifier): Hook => hook(guards.optionalAuth(verifier))

/** Requires a user whose email address was verified when the token was issued. */
export const requireVerified = (): Hook => hook(guards.requireVerified())

/** Requires a user who had the role when the token was issued. */
export const requireRole = (role: string): Hook => hook(guards.requireRole(role))

/** Requires a machine client with the scope. Several scopes are separated by spaces. */
export const requireScope = (scope: string): Hook => hook(guards.requireScope(scope))

/** Requires a user who authenticated within the last seconds. */
export const requireFresh = (seconds: number): Hook => hook(guards.requireFresh(seconds))

/** Requires a user who authenticated at this level: `aal2` is with a second factor. */
export const requireAcr = (level: Level): Hook => hook(guards.requireAcr(level))
