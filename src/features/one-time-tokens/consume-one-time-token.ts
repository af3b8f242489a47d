import { type EntityManager, IsNull } from 'typeorm'
import { Emails } from '../../platform/mail/entity.ts'

const lockUser = `SELECT FROM users WHERE id = (
  SELECT coalesce(e.user_id, (SELECT u.id FROM users u WHERE u.email = e.recipient)) FROM emails e WHERE e.id = $1
) FOR UPDATE`

/**
 * Spends a proof in the transaction of what it proves, so that both happen or neither: Postgres decides which
 * of several comes first, and a fault spends nothing. Returns false where it was spent before. The row of its user
 * is locked first, as by whoever spends all of them: in another order the two would wait for each other. The time of use
 * is read after that lock, so that the proofs of a user are used in the order of these times.
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
