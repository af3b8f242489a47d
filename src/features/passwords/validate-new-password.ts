import type { Deps } from '../../deps.ts'
import { Problem } from '../../platform/catalog/problems.ts'

/** The problem of a new password that breaks a rule, or null. `path` is the field of the request. */
export const validateNewPassword = (
  deps: Pick<Deps, 'checkPassword'>,
  owner: { email: string; full_name?: string | null },
  password: string,
  path: string,
): Problem<'VALIDATION_ERROR'> | null => {
  const brokenRule = deps.checkPassword(password, { email: owner.email, fullName: owner.full_name })
  if (!brokenRule) return null
  const { rule, message } = brokenRule
  return new Problem('VALIDATION_ERROR', { errors: [{ path, rule, message: `This ${message}.` }] })
}
