import { Problem } from '../../platform/catalog/problems.ts'
import type { Config } from '../../platform/config/config.ts'
import type { User } from '../users/types.ts'
import { isActive } from '../users/user-state.ts'

/**
 * Why a user with the right password or passkey cannot sign in, or null. `hidden`: the caller replies as to a wrong one. With
 * `REGISTRATION_PRIVACY` an unverified account gets this reply. Otherwise an attacker could register an address, sign in, and
 * learn whether it was free.
 */
export const signInBlocker = (
  user: Pick<User, 'email_verified' | 'is_active' | 'erase_after'>,
  {
    REQUIRE_VERIFIED_EMAIL,
    REGISTRATION_PRIVACY,
  }: Pick<Config, 'REQUIRE_VERIFIED_EMAIL' | 'REGISTRATION_PRIVACY'>,
): Problem<'ACCOUNT_DEACTIVATED'> | Problem<'EMAIL_NOT_VERIFIED'> | 'hidden' | null => {
  if (REGISTRATION_PRIVACY && !user.email_verified) return 'hidden'
  if (!isActive(user)) return new Problem('ACCOUNT_DEACTIVATED')
  return REQUIRE_VERIFIED_EMAIL && !user.email_verified ? new Problem('EMAIL_NOT_VERIFIED') : null
}
