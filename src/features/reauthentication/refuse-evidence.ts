import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { recordEvent } from '../audit/record-event.ts'
import { type Evidence, evidenceKind } from '../factors/evidence.ts'
import type { User } from '../users/types.ts'

type Refused = { user: User; sessionId: string; evidence: Evidence; origin: Origin }

/** Refuses evidence of a signed-in user that is wrong, or that another request has used up. */
export const refuseEvidence = async (
  { database }: Pick<Deps, 'database'>,
  { user, sessionId, evidence, origin }: Refused,
): Promise<Problem<'INVALID_MFA_CODE' | 'INVALID_PASSKEY'>> => {
  const { method, refusal } = evidenceKind(evidence)
  const event = { type: 'factor.refused', userId: user.id, sessionId, origin, data: { method } } as const
  await recordEvent(database.manager, event)
  return new Problem(refusal)
}
