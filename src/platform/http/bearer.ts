import type { IncomingMessage } from 'node:http'
import { timesSent } from '../base/header-text.ts'
import { challenge } from '../catalog/challenges.ts'
import { Problem } from '../catalog/problems.ts'

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
