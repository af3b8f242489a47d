import type { EntityManager } from 'typeorm'
import { Emails } from '../../platform/mail/entity.ts'
import { IsNull } from '../../platform/postgres/typeorm.ts'

const lockUser = `SELECT FROM users WHERE id = (
  SELECT coalesce(e.user_id, (SELECT u.id FROM users u WHERE u.email = e.recipient)) FROM emails e WHERE e.id = $1
) FOR UPDATE`

/**
 * Consumes a token in the same transaction as its effect, so that either both happen or neither. Returns false if it was
 * consumed before: of several simultaneous requests only one gets true.
 *
 * The row of the user is locked first, in the same order as in every flow that revokes all tokens of a user, to prevent
 * deadlocks. The time of use is read after that lock, so that these times have the order in which a user's tokens were
 * used.
 */
export const consumeOneTimeToken = async (manager: EntityManager, emailId: string): Promise<boolean> => {
  await manager.query(lockUser, [emailId])
  const { affected } = await manager.update(
    Emails,
    { id: emailId, proof_spent_at: IsNull() },
    { proof_spent_at: () => 'clock_timestamp()', proof_used_at: () => 'clock_timestamp()' },
  )
  return affected === 1
}
