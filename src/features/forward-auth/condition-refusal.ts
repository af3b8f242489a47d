import { forbidden, insufficientScope } from '../../platform/catalog/challenges.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { AnyCaller } from '../sessions/types.ts'
import type { Conditions } from './schemas.ts'

/**
 * Refuses a caller who does not meet a condition of the proxy. `scope` concerns machine clients alone, so a user passes it. A
 * machine client has no role and no address, so it never meets a condition about these.
 */
export const conditionRefusal = (
  { user, machine }: AnyCaller,
  { role, verified, scope }: Conditions,
): Problem<'FORBIDDEN' | 'EMAIL_NOT_VERIFIED' | 'INSUFFICIENT_SCOPE'> | null => {
  if (role !== undefined && !user?.roles.includes(role)) return forbidden()
  if (verified && !user?.email_verified) return new Problem('EMAIL_NOT_VERIFIED', { detail: 'session' })
  if (!machine || scope === undefined) return null
  const scopes = scope.split(' ')
  return scopes.every(each => machine.scopes.includes(each)) ? null : insufficientScope(scopes)
}
