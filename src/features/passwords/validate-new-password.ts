import type { Deps } from '../../deps.ts'
import { Problem } from '../../platform/catalog/problems.ts'

/** The refusal of a new password that breaks a rule, or null. `path` is the field that held it. */
export const validateNewPassword = (
  deps: Pick<Deps, 'checkPassword'>,
  owner: { email: string; full_name?: string | null },
  password: string,
  path: string,
): Problem<'VALIDATION_ERROR'> | null => {
  const weakness = deps.checkPassword(password, { email: owner.email, fullName: owner.full_name })
  if (!weakness) return null
  const { rule, message } = weakness
  return new Problem('VALIDATION_ERROR', { errors: [{ path, rule, message: `This ${message}.` }] })
}
