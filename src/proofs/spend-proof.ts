import { type EntityManager, IsNull } from 'typeorm'
import { Emails } from '../mail/entity.ts'

/**
 * Spends a proof in the transaction of what it proves, so that both happen or neither: Postgres decides which
 * of several comes first, and a fault spends nothing. Returns false where it was spent before.
 */
export const spendProof = async (manager: EntityManager, emailId: string): Promise<boolean> => {
  const { affected } = await manager.update(
    Emails,
    { id: emailId, proof_spent_at: IsNull() },
    { proof_spent_at: () => 'now()' },
  )
  return affected === 1
}
