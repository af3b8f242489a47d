import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { recordEvent } from '../audit/record-event.ts'
import { type Evidence, methodOf } from '../factors/evidence.ts'
import type { User } from '../users/types.ts'

type Refused = { user: User; sessionId: string; evidence: Evidence; origin: Origin }

/** Refuses evidence of a signed-in user that is wrong, or that another request has used up. */
export const refuseEvidence = async (
  { database }: Pick<Deps, 'database'>,
  { user, sessionId, evidence, origin }: Refused,
): Promise<Problem<'INVALID_MFA_CODE' | 'INVALID_PASSKEY'>> => {
  const method = methodOf(evidence)
  const event = { type: 'factor.refused', userId: user.id, sessionId, origin, data: { method } } as const
  await recordEvent(database.manager, event)
  return new Problem(method === 'passkey' ? 'INVALID_PASSKEY' : 'INVALID_MFA_CODE')
}
