import type { Deps } from '../../deps.ts'
import { authenticationChallenge } from '../../platform/catalog/challenges.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { User } from '../users/types.ts'
import { hasFactor, mustVerify } from '../users/user-state.ts'
import { acrOf } from './authentication.ts'
import { isFresh } from './is-fresh.ts'
import type { SessionState } from './types.ts'

type Needs = Pick<Deps, 'config' | 'clock'>
/** What a route demands of a session: see `Route`. */
type Demand = {
  auth: string
  fresh?: true | 'with_factor'
  singleFactor?: 'allowed'
  unverified?: 'allowed'
}
type Refusal = Problem<'REAUTHENTICATION_REQUIRED' | 'MFA_ENROLLMENT_REQUIRED'>

/**
 * Refuses a session that authenticated too long ago for this route, or with too few factors; null if it is good enough. Needs
 * only what the check of the session has read already.
 *
 * A fresh session counts at the highest level that the user has set up: a thief of the password alone must not remove the
 * second factor. A session that lacks both gets one challenge with both, so that the user is asked once.
 */
export const levelRefusal = (
  { config, clock }: Needs,
  route: Demand,
  { user, session }: { user: User; session: SessionState },
): Refusal | null => {
  const isEnrolled = hasFactor(user)
  const needsMfa = isMfaRequired(config, route, user)
  if (needsMfa && !isEnrolled) return new Problem('MFA_ENROLLMENT_REQUIRED')
  const needsFresh = route.fresh === true || (route.fresh === 'with_factor' && isEnrolled)
  const lacksMfa = (needsMfa || (needsFresh && isEnrolled)) && acrOf(session.amr) !== 'aal2'
  const isStale = needsFresh && !isFresh({ config, clock }, session.authTime)
  if (!lacksMfa && !isStale) return null
  const wanted = {
    ...(needsFresh && { max_age: String(config.FRESH_FOR / 1000) }),
    // Also for a stale session that has two factors: the password alone would not freshen it.
    ...((lacksMfa || isEnrolled) && { acr_values: 'aal2' }),
  }
  return new Problem('REAUTHENTICATION_REQUIRED', authenticationChallenge(wanted))
}

/** Whether `REQUIRE_MFA` demands two factors of a session, on a route that does not work with one. */
const isMfaRequired = (
  config: Needs['config'],
  { auth, singleFactor, unverified }: Demand,
  user: User,
): boolean => {
  if (config.REQUIRE_MFA !== 'all') return config.REQUIRE_MFA === 'admins' && auth === 'admin'
  // Routes that set up a factor need a verified address. A user who mistyped it may change it first.
  const isVerifying = unverified === 'allowed' && mustVerify(user, config)
  return singleFactor !== 'allowed' && !isVerifying
}
