import type { IncomingMessage } from 'node:http'
import { timesSent } from '../base/header-text.ts'
import { Problem } from '../catalog/problems.ts'

/** RFC 6750, section 3.1: what was wrong with a token that was presented, or with what its bearer asked for. */
export const challenge = (error: 'invalid_request' | 'invalid_token' | 'insufficient_scope') => ({
  headers: { 'WWW-Authenticate': `Bearer realm="latchkey", error="${error}"` },
})

/** A bearer who is known, but may not do this. */
export const forbidden = (): Problem<'FORBIDDEN'> =>
  new Problem('FORBIDDEN', { detail: 'role', ...challenge('insufficient_scope') })

/** The one bearer token of a request; null without the header. */
export const bearerOf = (request: IncomingMessage): string | null | Problem<'VALIDATION_ERROR'> => {
  const header = request.headers.authorization
  if (header === undefined) return null
  const token = /^Bearer +([\w.~+/=-]+)$/i.exec(header)?.[1]
  // Of two such headers Node keeps the first, a proxy before it perhaps the last.
  if (token && timesSent(request.rawHeaders, 'authorization') === 1) return token
  const errors = [{ path: 'Authorization', rule: 'bearer', message: 'This must be `Bearer` and one token.' }]
  return new Problem('VALIDATION_ERROR', { errors, ...challenge('invalid_request') })
}
