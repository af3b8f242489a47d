// The headers `WWW-Authenticate`, by which a client finds out what a request lacks, and the problems that are never without one.
import { Problem } from './problems.ts'

/** The error codes of RFC 6750, section 3.1, for an invalid token or a request that its bearer may not make. */
export const challenge = (error: 'invalid_request' | 'invalid_token' | 'insufficient_scope') => ({
  headers: { 'WWW-Authenticate': `Bearer realm="latchkey", error="${error}"` },
})

/** What the user of a session must do: authenticate within these seconds, or at this level. */
type Wanted = { max_age?: string; acr_values?: string }

/** The challenge of RFC 9470, section 3. Clients of that standard read it and ask the user again. */
export const authenticationChallenge = (wanted: Wanted) => ({
  headers: {
    'WWW-Authenticate': [
      'Bearer realm="latchkey"',
      'error="insufficient_user_authentication"',
      'error_description="The user must authenticate again"',
      ...Object.entries(wanted).map(([name, value]) => `${name}="${value}"`),
    ].join(', '),
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
