/** Why a token is not accepted. `KEYS_UNAVAILABLE` says nothing about the token: it cannot be checked now. */
export type TokenErrorCode = 'TOKEN_EXPIRED' | 'INVALID_TOKEN' | 'SESSION_REVOKED' | 'KEYS_UNAVAILABLE'

const messages: Readonly<Record<TokenErrorCode, string>> = {
  TOKEN_EXPIRED: 'The access token has expired.',
  INVALID_TOKEN: 'The token is not valid.',
  SESSION_REVOKED: 'The session of the token has ended.',
  KEYS_UNAVAILABLE: 'The token cannot be checked now: the issuer cannot be reached.',
}

/** The error of `verifier.verify`. Its message never contains the token. */
export class TokenError extends Error {
  override readonly name = 'TokenError'
  readonly code: TokenErrorCode
  /** With `KEYS_UNAVAILABLE`: after how many seconds another try makes sense. */
  readonly retryAfter: number | undefined

  constructor(code: TokenErrorCode, options: { cause?: unknown; retryAfter?: number } = {}) {
    const { cause, retryAfter } = options
    super(messages[code], cause === undefined ? undefined : { cause })
    this.code = code
    this.retryAfter = retryAfter
  }
}
