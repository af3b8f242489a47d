import { type FactorMethod, factorMethods, factorTypes } from '../../platform/catalog/factors.ts'
import type { Config } from '../../platform/config/config.ts'
import { type Evidence, evidenceKind } from '../factors/evidence.ts'
import { type Amr, acrOf } from '../sessions/authentication.ts'
import type { User } from '../users/types.ts'
import { hasFactor } from '../users/user-state.ts'

/** What a sign-in may ask for after its first step. */
export type SecondMethod = FactorMethod | 'password'

/** What a client sends as its second step. */
export type SecondEvidence = Evidence | { password: string }

export const secondMethodOf = (evidence: SecondEvidence): SecondMethod =>
  'password' in evidence ? 'password' : evidenceKind(evidence).method

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
  if (PASSKEYS_AS === 'second_factor') return hasFactor(user)
  return hasFactor({ factor_types: user.factor_types.filter(type => type !== 'passkey') })
}

/** How the user can pass the second step. */
export const secondMethods = (
  user: Pick<User, 'factor_types' | 'password_hash'>,
  amr: readonly Amr[],
): SecondMethod[] => {
  const isPasskeyUsed = hasPasskeyStep(amr)
  const others = factorTypes.filter(
    type => user.factor_types.includes(type) && !(type === 'passkey' && isPasskeyUsed),
  )
  const methods = others.map(type => factorMethods[type])
  return isPasskeyUsed && user.password_hash !== null ? [...methods, 'password'] : methods
}
