import type { FieldError, ProblemCode } from './api-types.ts'

/** What a sign-in with a second factor needs (`MFA_REQUIRED`). */
export type MfaChallenge = {
  mfa_token: string
  expires_in: number
  methods: string[]
  passkey_options?: unknown
}

type Code = ProblemCode | 'UNEXPECTED_REPLY' | (string & Record<never, never>)

/**
 * An error reply of the service (RFC 9457). `UNEXPECTED_REPLY` is a reply in another format, for example of a proxy. The
 * error holds no token that a report of it could reveal.
 */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly code: Code
  readonly status: number
  readonly title: string
  /** The reason, if the code has several. For developers. */
  readonly detail: string | undefined
  /** The fields of a `VALIDATION_ERROR`. */
  readonly errors: readonly FieldError[]
  /** Seconds to wait before the next attempt. */
  readonly retryAfter: number | undefined
  readonly requestId: string | undefined
  /** `REAUTHENTICATION_REQUIRED`: within how many seconds the user must have authenticated. */
  readonly maxAge: number | undefined
  /** `REAUTHENTICATION_REQUIRED`: the level that the session needs. `aal2`: ask the user for a second factor. */
  readonly acrValues: string | undefined
  /** `MFA_REQUIRED`: what the user can show, such as `totp`. */
  readonly methods: readonly string[]
  // Private fields do not appear in logs, in `JSON.stringify` and in reports of errors.
  readonly #mfa: MfaChallenge | undefined

  /** `challenge`: the header `WWW-Authenticate`. */
  constructor(status: number, body: Record<string, unknown>, retryAfter?: number, challenge = '') {
    const text = (name: string) => (typeof body[name] === 'string' ? body[name] : undefined)
    const code = text('code') ?? 'UNEXPECTED_REPLY'
    const title = text('title') ?? `The reply has the status ${status} and an unknown format`
    super(`${code}: ${title}`)
    this.code = code
    this.status = status
    this.title = title
    this.detail = text('detail')
    this.errors = Array.isArray(body.errors) ? body.errors : []
    this.retryAfter = typeof body.retry_after === 'number' ? body.retry_after : retryAfter
    this.requestId = text('request_id')
    const maxAge = /\bmax_age="(\d+)"/.exec(challenge)?.[1]
    this.maxAge = maxAge === undefined ? undefined : Number(maxAge)
    this.acrValues = /\bacr_values="([^"]*)"/.exec(challenge)?.[1]
    const { mfa_token, expires_in, methods, passkey_options } = body
    this.methods = Array.isArray(methods) ? methods : []
    this.#mfa =
      typeof mfa_token === 'string' && typeof expires_in === 'number' && Array.isArray(methods)
        ? { mfa_token, expires_in, methods, ...(passkey_options !== undefined && { passkey_options }) }
        : undefined
  }

  /** How to finish a sign-in that was answered with `MFA_REQUIRED`: pass it to `client.loginMfa`. */
  get mfa(): MfaChallenge | undefined {
    return this.#mfa
  }
}
