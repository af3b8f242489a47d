import { factorProblems } from './factor-problems.ts'
import { oauthProblems } from './oauth-problems.ts'
import {
  type AnyArguments,
  type ArgumentsOf,
  defineProblems,
  type ProblemDefinition,
} from './problem-definition.ts'
import { details } from './problem-details.ts'

const coreProblems = defineProblems({
  VALIDATION_ERROR: {
    status: 400,
    title: 'The request is not valid',
    help: 'A field is missing, unknown, or does not follow its rule. `errors` names each by path and rule.',
  },
  AUTH_ERROR: {
    status: 401,
    title: 'Credentials are required',
    help: 'The request carries no credentials. Send `Authorization: Bearer <access token>`.',
  },
  INVALID_TOKEN: {
    status: 401,
    title: 'The token is not valid',
    help: 'The token or the emailed code is wrong, has expired, was used already, had too many wrong attempts, or was replaced by a newer one. Get a new one: sign in or request the email again.',
  },
  TOKEN_EXPIRED: {
    status: 401,
    title: 'The access token has expired',
    help: 'Exchange the refresh token for a new access token and try again.',
  },
  REAUTHENTICATION_REQUIRED: {
    status: 401,
    title: 'The user must authenticate again',
    help: 'The session is valid, but its user authenticated too long ago, or with too few factors. `max_age` of `WWW-Authenticate` gives the allowed seconds, and `acr_values` is `aal2` if a second factor is missing (RFC 9470). Ask the user for the password or a factor, send it to `POST /api/v1/auth/reauthenticate`, and repeat the request. A refresh does not help.',
  },
  INVALID_CREDENTIALS: {
    status: 401,
    title: 'The email or the password is wrong',
    help: 'No account matches this email and password. The reply does not say which of the two is wrong. After too many wrong passwords in a row the password is locked until it is reset.',
  },
  INVALID_CURRENT_PASSWORD: {
    status: 403,
    title: 'The current password is wrong',
    help: 'Nothing was changed. The status is not 401, because the session is valid: do not refresh and retry.',
  },
  NO_PASSWORD: {
    status: 403,
    title: 'The account has no password',
    help: 'The user cannot authenticate again by password. `forgot-password` sends the email with which the owner chooses one.',
  },
  INVALID_REFRESH_TOKEN: {
    status: 401,
    title: 'The refresh token is not valid',
    help: 'The session has ended or expired, or the token was used before. Sign in again.',
    details: details.INVALID_REFRESH_TOKEN,
    isDetailOptional: true,
  },
  SESSION_REVOKED: {
    status: 401,
    title: 'The session has ended',
    help: 'The access token is valid, but its session was ended. Sign in again.',
  },
  ACCOUNT_DEACTIVATED: {
    status: 403,
    title: 'The account is deactivated',
    help: 'The password or passkey is right, but an administrator deactivated the account, or its owner deleted it. `forgot-password` sends the owner the link that undoes a deletion.',
  },
  EMAIL_NOT_VERIFIED: {
    status: 403,
    title: 'The email address is not verified',
    help: 'Verify the email address first. At a login this reply means that the password is right. A session continues once the address is verified. `resend-verification` sends another email.',
    details: details.EMAIL_NOT_VERIFIED,
    isDetailOptional: true,
  },
  FORBIDDEN: {
    status: 403,
    title: 'This is not allowed',
    help: 'The user lacks a permission, or the request came from a page that may not send it. `detail` gives the reason.',
    details: details.FORBIDDEN,
  },
  NOT_FOUND: {
    status: 404,
    title: 'Not found',
    help: 'No route or resource has this address.',
    details: details.NOT_FOUND,
    isDetailOptional: true,
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    title: 'The method is not allowed',
    help: 'The address exists, but does not accept this method. `Allow` lists the methods that it accepts.',
  },
  REQUEST_TIMEOUT: {
    status: 408,
    title: 'The request arrived too slowly',
    help: 'A request must arrive completely within eight seconds. Nothing was done.',
  },
  USER_EXISTS: {
    status: 409,
    title: 'An account with this email exists',
    help: 'Sign in, or ask for a password reset.',
  },
  DUPLICATE_ENTRY: {
    status: 409,
    title: 'The address is taken',
    help: 'The value is already in use. `detail` names it. Nothing was changed.',
    details: details.DUPLICATE_ENTRY,
  },
  PAYLOAD_TOO_LARGE: {
    status: 413,
    title: 'The body is too large',
    help: 'The limit is 16 kB for a body, and 64 kB for a signed event.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    title: 'The media type is not supported',
    help: 'Send the body as `application/json` in UTF-8. `detail` says which header is not supported.',
    details: details.UNSUPPORTED_MEDIA_TYPE,
  },
  EXPECTATION_FAILED: {
    status: 417,
    title: 'The expectation cannot be met',
    help: 'The only value of the header `Expect` that is accepted is `100-continue`. Nothing was done.',
  },
  HEADERS_TOO_LARGE: {
    status: 431,
    title: 'The headers are too large',
    help: 'The limit is 16 kB for all headers of a request.',
  },
  RATE_LIMIT_EXCEEDED: {
    status: 429,
    title: 'Too many requests',
    help: 'Wait for the seconds of `Retry-After`. `RateLimit-Policy` lists the limits of the caller, by address or session. After wrong passwords or codes the reply has `Retry-After` only.',
    isRetriable: true,
  },
  INTERNAL_ERROR: {
    status: 500,
    title: 'Internal error',
    help: 'The service failed. Quote the `request_id` when you report it.',
  },
  SERVICE_UNAVAILABLE: {
    status: 503,
    title: 'The service is temporarily unavailable',
    help: 'Try again after `Retry-After` seconds. No refresh token was used up.',
    isRetriable: true,
  },
})

/** The problems of the core. Modules add their own. */
export const problems = { ...coreProblems, ...factorProblems, ...oauthProblems }

export type Code = keyof typeof problems

/**
 * A refusal as a value: verbs return it, so that the type of a verb lists the codes that it may return. Only
 * `http/problem-json.ts` turns it into a reply (RFC 9457).
 */
export class Problem<const C extends string = string> {
  readonly code: C
  readonly definition: ProblemDefinition<C>
  readonly extra: AnyArguments
  /** A problem of a module: see `problemFrom`. */
  constructor(definition: ProblemDefinition<C>, extra?: AnyArguments)
  /** A problem of the core. */
  constructor(code: C & Code, ...extra: ArgumentsOf<(typeof problems)[C & Code]>)
  constructor(problem: ProblemDefinition<C> | (C & Code), extra: AnyArguments = {}) {
    this.definition = (typeof problem === 'string' ? problems[problem] : problem) as ProblemDefinition<C>
    this.code = this.definition.code
    this.extra = extra
  }
}

/** Makes the function with which a module creates the problems of its own table. */
export const problemFrom =
  <T extends { readonly [C in keyof T]: ProblemDefinition }>(table: T) =>
  <const C extends keyof T & string>(code: C, ...[extra]: ArgumentsOf<T[C]>): Problem<C> =>
    new Problem(table[code], extra) as Problem<C>
