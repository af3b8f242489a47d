import { Problem } from './problems.ts'

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
  new Problem('FORBIDDEN', {
    detail: 'role',
    headers: { 'WWW-Authenticate': 'Bearer realm="latchkey", error="insufficient_scope"' },
  })
