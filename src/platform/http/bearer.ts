import type { IncomingMessage } from 'node:http'
import { timesSent } from '../base/header-text.ts'
import { Problem } from '../catalog/problems.ts'

/** The error codes of RFC 6750, section 3.1, for an invalid token or a request that its bearer may not make. */
export const challenge = (error: 'invalid_request' | 'invalid_token' | 'insufficient_scope') => ({
  headers: { 'WWW-Authenticate': `Bearer realm="latchkey", error="${error}"` },
})

/**
 * The challenge of RFC 9470, section 3: the user must have authenticated within `maxAge` seconds. Clients of that standard
 * read it and ask the user again.
 */
export const freshnessChallenge = (maxAge: number) => ({
  headers: {
    'WWW-Authenticate': `Bearer realm="latchkey", error="insufficient_user_authentication", error_description="The user must authenticate again", max_age="${maxAge}"`,
  },
})

/** The bearer token of a request; null without an `Authorization` header. */
export const bearerOf = (request: IncomingMessage): string | null | Problem<'VALIDATION_ERROR'> => {
  const header = request.headers.authorization
  if (header === undefined) return null
  const token = /^Bearer +([\w.~+/=-]+)$/i.exec(header)?.[1]
  // Reject two such headers: Node reads the first, but a proxy in front may have checked the last.
  if (token && timesSent(request.rawHeaders, 'authorization') === 1) return token
  const errors = [{ path: 'Authorization', rule: 'bearer', message: 'This must be `Bearer` and one token.' }]
  return new Problem('VALIDATION_ERROR', { errors, ...challenge('invalid_request') })
}
