import type { IncomingMessage } from 'node:http'
import { Problem } from '../base/problems.ts'

/** RFC 6750, section 3.1: what was wrong with a token that was presented, or with what its bearer asked for. */
export const challenge = (error: 'invalid_request' | 'invalid_token' | 'insufficient_scope') => ({
  headers: { 'WWW-Authenticate': `Bearer realm="latchkey", error="${error}"` },
})

/** A bearer who is known, but may not do this. */
export const forbidden = (): Problem<'FORBIDDEN'> => new Problem('FORBIDDEN', challenge('insufficient_scope'))

/** The one bearer token of a request; null without the header. */
export const bearerOf = (request: IncomingMessage): string | null | Problem<'VALIDATION_ERROR'> => {
  const header = request.headers.authorization
  if (header === undefined) return null
  const sent = request.rawHeaders.filter(
    (name, i) => i % 2 === 0 && name.toLowerCase() === 'authorization',
  ).length
  const [, token] = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(header) ?? []
  if (sent === 1 && token) return token
  const errors = [{ path: 'Authorization', rule: 'bearer', message: 'This must be `Bearer` and one token.' }]
  return new Problem('VALIDATION_ERROR', { errors, ...challenge('invalid_request') })
}
