// The problems of a guard: the same codes, titles and texts as those of Latchkey itself.

type Definition = {
  readonly status: number
  readonly title: string
  /** If there are several reasons: the sentence of each. */
  readonly details?: Readonly<Record<string, string>>
}

export const problems = {
  VALIDATION_ERROR: { status: 400, title: 'The request is not valid' },
  AUTH_ERROR: { status: 401, title: 'Credentials are required' },
  INVALID_TOKEN: { status: 401, title: 'The token is not valid' },
  TOKEN_EXPIRED: { status: 401, title: 'The access token has expired' },
  SESSION_REVOKED: { status: 401, title: 'The session has ended' },
  REAUTHENTICATION_REQUIRED: { status: 401, title: 'The user must authenticate again' },
  FORBIDDEN: {
    status: 403,
    title: 'This is not allowed',
    details: {
      role: 'The user does not have the required role.',
      machine: 'The token belongs to a machine client, and this is only for users.',
      user: 'The token belongs to a user, and this is only for machine clients.',
    },
  },
  INSUFFICIENT_SCOPE: { status: 403, title: 'The machine client lacks a scope' },
  EMAIL_NOT_VERIFIED: {
    status: 403,
    title: 'The email address is not verified',
    details: {
      token:
        'The access token was issued before the email address was verified. Verify it, then refresh the token.',
    },
  },
  INTERNAL_ERROR: { status: 500, title: 'Internal error' },
  SERVICE_UNAVAILABLE: { status: 503, title: 'The service is temporarily unavailable' },
} as const satisfies Record<string, Definition>

export type ProblemCode = keyof typeof problems
