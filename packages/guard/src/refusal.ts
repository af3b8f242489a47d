import { type ProblemCode, problems } from './problems.ts'
import type { TokenError } from './token-error.ts'

/** Why a guard refuses a request. Adapters turn it into a reply with `answerOf`. */
export type Refusal = {
  readonly code: ProblemCode
  /** The name of the reason, where a problem has several. */
  readonly reason?: string
  /** The parameters of `WWW-Authenticate` (RFC 6750, RFC 9470). */
  readonly challenge?: Readonly<Record<string, string>>
  /** Seconds. */
  readonly retryAfter?: number
}

export const missing: Refusal = { code: 'AUTH_ERROR' }
export const malformed: Refusal = { code: 'VALIDATION_ERROR', challenge: { error: 'invalid_request' } }

const forbidden = (reason: string, more: Record<string, string> = {}): Refusal => ({
  code: 'FORBIDDEN',
  reason,
  challenge: { error: 'insufficient_scope', ...more },
})
export const withoutRole = forbidden('role')
export const isMachine = forbidden('machine')
export const isUser = (scope: string): Refusal => forbidden('user', { scope })
export const withoutScope = (scope: string): Refusal => ({
  code: 'INSUFFICIENT_SCOPE',
  challenge: { error: 'insufficient_scope', scope },
})

export const unverified: Refusal = { code: 'EMAIL_NOT_VERIFIED', reason: 'token' }

/** The user must authenticate again (RFC 9470): more recently, or with a second factor. */
export const reauthenticate = (wanted: { max_age: string } | { acr_values: string }): Refusal => ({
  code: 'REAUTHENTICATION_REQUIRED',
  challenge: {
    error: 'insufficient_user_authentication',
    error_description: problems.REAUTHENTICATION_REQUIRED.title,
    ...wanted,
  },
})

/** The refusal of a token that the verifier does not accept. */
export const refusalOf = ({ code, retryAfter = 2 }: TokenError): Refusal =>
  code === 'KEYS_UNAVAILABLE'
    ? { code: 'SERVICE_UNAVAILABLE', retryAfter }
    : { code, challenge: { error: 'invalid_token' } }

/** A reply of a guard. */
export type Answer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const challengeText = (parameters: Readonly<Record<string, string>> = {}): string =>
  [
    'Bearer realm="latchkey"',
    ...Object.entries(parameters).map(([name, value]) => `${name}="${value}"`),
  ].join(', ')

const messages = [{ path: 'Authorization', rule: 'bearer', message: 'This must be `Bearer` and one token.' }]

/** The reply to a refused request (RFC 9457). Its `type` is a page of the issuer that explains it. */
export const answerOf = (
  { code, reason, challenge, retryAfter }: Refusal,
  issuer: string,
  requestId: string = crypto.randomUUID(),
): Answer => {
  const {
    status,
    title,
    details = {},
  }: (typeof problems)[ProblemCode] & { details?: object } = problems[code]
  const detail = (details as Record<string, string>)[reason ?? '']
  return {
    status,
    headers: {
      'Content-Type': 'application/problem+json',
      'Cache-Control': 'no-store',
      ...((challenge || status === 401) && { 'WWW-Authenticate': challengeText(challenge) }),
      ...(retryAfter !== undefined && { 'Retry-After': String(retryAfter) }),
    },
    body: JSON.stringify({
      type: `${issuer}/problems/${code.toLowerCase().replaceAll('_', '-')}`,
      title,
      status,
      ...(detail && { detail }),
      code,
      request_id: requestId,
      ...(code === 'VALIDATION_ERROR' && { errors: messages }),
      ...(retryAfter !== undefined && { retry_after: retryAfter }),
    }),
  }
}
