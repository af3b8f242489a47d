// The headers `WWW-Authenticate`, by which a client finds out what a request lacks, and the problems that are never without one.
import { Problem } from './problems.ts'

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

/** The problem of a machine client that lacks one of these scopes. `scheme` is how the client authenticated. */
export const insufficientScope = (
  scopes: readonly string[],
  scheme: 'Basic' | 'Bearer' = 'Bearer',
): Problem<'INSUFFICIENT_SCOPE'> => {
  const needed = `error="insufficient_scope", scope="${scopes.join(' ')}"`
  return new Problem('INSUFFICIENT_SCOPE', {
    headers: { 'WWW-Authenticate': `${scheme} realm="latchkey", ${needed}` },
  })
}

/** The problem of a user without the required role. */
export const forbidden = (): Problem<'FORBIDDEN'> =>
  new Problem('FORBIDDEN', { detail: 'role', ...challenge('insufficient_scope') })
