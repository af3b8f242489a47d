import type { Detail, DetailedCode } from './problem-details.ts'

// Every answer that is not a success. Codes are a public contract: they are added, never changed.

const catalogue = {
  VALIDATION_ERROR: [
    400,
    'The request is not valid',
    'A field is missing, unknown, or does not follow its rule. `errors` names each by path and rule.',
  ],
  AUTH_ERROR: [
    401,
    'Credentials are required',
    'The request carries no credentials. Send `Authorization: Bearer <access token>`.',
  ],
  INVALID_TOKEN: [
    401,
    'The token is not valid',
    'The token is malformed, was not issued here, was used already, or was replaced by a newer one.',
  ],
  TOKEN_EXPIRED: [
    401,
    'The access token has expired',
    'Exchange the refresh token for a new access token and try again.',
  ],
  INVALID_CREDENTIALS: [
    401,
    'The e-mail or the password is wrong',
    'No account matches this e-mail and password. Which of the two is wrong is not said. After too many wrong ones in a row a password is closed until it is reset.',
  ],
  INVALID_CURRENT_PASSWORD: [
    403,
    'The current password is wrong',
    'Nothing was changed. This is no 401, since your session is fine: do not refresh and try again.',
  ],
  INVALID_REFRESH_TOKEN: [
    401,
    'The refresh token is not valid',
    'The session has ended or expired, or the token was used before. Sign in again.',
  ],
  SESSION_REVOKED: [
    401,
    'The session has ended',
    'The access token is genuine, but its session was ended. Sign in again.',
  ],
  INVALID_SIGNATURE: [
    401,
    'The signature is not valid',
    'The event was not signed with the secret of this endpoint, or too long ago. Nothing was done.',
  ],
  ACCOUNT_DEACTIVATED: [
    403,
    'The account is deactivated',
    'The password is right, but the account was deactivated, or closed by its owner. `forgot-password` mails the owner the link that undoes a deletion.',
  ],
  EMAIL_NOT_VERIFIED: [
    403,
    'The e-mail address is not verified',
    'The email address must be verified first. At a login the password is right, and a session continues once the address is verified. Ask for another email if you need one.',
  ],
  FORBIDDEN: [
    403,
    'This is not allowed',
    'The user may not do this, or the request came from a page that may not make it. `detail` says which.',
  ],
  NOT_FOUND: [404, 'There is nothing here', 'No route or resource has this address.'],
  METHOD_NOT_ALLOWED: [
    405,
    'The method is not allowed',
    'The address exists, but not for this method. `Allow` lists those that it takes.',
  ],
  REQUEST_TIMEOUT: [
    408,
    'The request took too long to arrive',
    'A request has eight seconds to arrive whole. Nothing was done.',
  ],
  USER_EXISTS: [409, 'An account with this e-mail exists', 'Sign in, or ask for a password reset.'],
  DUPLICATE_ENTRY: [
    409,
    'The address is taken',
    'It is already in use. `detail` says by what. Nothing was changed.',
  ],
  SITE_UNAVAILABLE: [
    409,
    'The site is not for sale at the moment',
    'The site is sold or reserved. `detail` says which.',
  ],
  REQUEST_IN_PROGRESS: [
    409,
    'The same request is being served',
    'A request with this `Idempotency-Key` has not been answered yet. Send it again after `Retry-After` seconds.',
  ],
  PAYLOAD_TOO_LARGE: [
    413,
    'The body is too large',
    'A body may have 16 kB at most, an event of the payment gateway 64 kB.',
  ],
  UNSUPPORTED_MEDIA_TYPE: [
    415,
    'The media type is not supported',
    'Send the body as `application/json` in UTF-8. `detail` says which header is not supported.',
  ],
  EXPECTATION_FAILED: [
    417,
    'The expectation cannot be met',
    'The header `Expect` may say `100-continue` and nothing else. Nothing was done.',
  ],
  IDEMPOTENCY_KEY_REUSED: [
    422,
    'The key belongs to another request',
    'An `Idempotency-Key` stands for one request. Use a new one for a new request.',
  ],
  HEADERS_TOO_LARGE: [431, 'The headers are too large', 'The head of a request may have 16 kB at most.'],
  RATE_LIMIT_EXCEEDED: [
    429,
    'Too many requests',
    'Wait for as long as `Retry-After` says. `RateLimit-Policy` states the limits of the caller, by address or session; after wrong passwords there is `Retry-After` alone.',
  ],
  INTERNAL_ERROR: [
    500,
    'Something went wrong here',
    'The fault is ours. Quote `request_id` when you report it.',
  ],
  SERVICE_UNAVAILABLE: [
    503,
    'The service is not available for the moment',
    'Try again after `Retry-After` seconds. No refresh token was used up.',
  ],
} as const satisfies Record<string, readonly [status: number, title: string, help: string]>

export type Code = keyof typeof catalogue

export type FieldError = { path: string; rule: string; message: string }

type Extra = { errors?: FieldError[]; retryAfter?: number; headers?: Record<string, string>; detail?: string }
type ExtraOf<C extends Code> = Extra & { detail?: Detail<C> }

export const codes = Object.keys(catalogue) as Code[]
export const problemStatus = (code: Code): number => catalogue[code][0]
export const problemTitle = (code: Code): string => catalogue[code][1]
export const problemHelp = (code: Code): string => catalogue[code][2]

/** The name of a code in addresses: `USER_EXISTS` is explained at `/problems/user-exists`. */
export const problemSlug = (code: Code): string => code.toLowerCase().replaceAll('_', '-')

/**
 * A refusal, as a value: flows return it and the type checker knows which codes may come out of where.
 * `retryAfter` is in seconds, `detail` names one of the reasons in `problem-details.ts`. Becomes a reply in `http/problem-json.ts` (RFC 9457) and nowhere else.
 */
export class Problem<const C extends Code = Code> {
  readonly code: C
  readonly extra: Extra
  constructor(
    code: C,
    ...[extra = {}]: C extends DetailedCode ? [ExtraOf<C> & { detail: Detail<C> }] : [ExtraOf<C>?]
  ) {
    this.code = code
    this.extra = extra
  }
}
