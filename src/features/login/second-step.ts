import type { Config } from '../../platform/config/config.ts'
import { type Evidence, methodOf } from '../factors/evidence.ts'
import type { Method } from '../factors/types.ts'
import { type Amr, acrOf } from '../sessions/authentication.ts'
import type { User } from '../users/types.ts'
import { hasFactor } from '../users/user-state.ts'

/** What a sign-in may ask for after its first step. */
export type SecondMethod = Method | 'password'

/** What a client sends as its second step. */
export type SecondEvidence = Evidence | { password: string }

export const secondMethodOf = (evidence: SecondEvidence): SecondMethod =>
  'password' in evidence ? 'password' : methodOf(evidence)

const hasPasskeyStep = (amr: readonly Amr[]): boolean => amr.includes('hwk') || amr.includes('swk')

/**
 * Whether a sign-in by these methods needs a second one. A passkey alone, without a check of the user by the
 * authenticator, is only possession.
 */
export const needsSecondStep = (
  user: Pick<User, 'factor_types'>,
  amr: readonly Amr[],
  { PASSKEYS_AS }: Pick<Config, 'PASSKEYS_AS'>,
): boolean => {
  if (acrOf(amr) === 'aal2') return false
  if (hasPasskeyStep(amr)) return true
  return PASSKEYS_AS === 'first_factor_only' ? user.factor_types.includes('totp') : hasFactor(user)
}

/** How the user can pass the second step. */
export const secondMethods = (
  user: Pick<User, 'factor_types' | 'password_hash'>,
  amr: readonly Amr[],
): SecondMethod[] => {
  const types = user.factor_types
  return [
    ...(types.includes('totp') ? ['totp' as const] : []),
    ...(types.includes('passkey') && !hasPasskeyStep(amr) ? ['passkey' as const] : []),
    ...(types.includes('recovery_codes') ? ['recovery_code' as const] : []),
    ...(hasPasskeyStep(amr) && user.password_hash !== null ? ['password' as const] : []),
  ]
}
