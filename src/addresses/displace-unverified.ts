import { type EntityManager, Not } from 'typeorm'
import { Users } from '../accounts/entity.ts'
import { recordEvent } from '../audit/record-event.ts'
import { spendAllProofs } from '../proofs/spend-all-proofs.ts'
import type { Origin } from '../sessions/start-session.ts'

/**
 * Takes an address from an account that never proved to hold its mailbox, for somebody who has, and leaves the account
 * to be erased: else a thief would register an address that they moved an account away from, and so keep its owner from
 * coming back. An administrator's account stays.
 */
export const displaceUnverified = async (
  manager: EntityManager,
  { email, by, origin }: { email: string; by: string; origin: Origin },
): Promise<void> => {
  const squatter = await manager.findOne(Users, {
    where: { email, email_verified: false, id: Not(by) },
    lock: { mode: 'pessimistic_write' },
  })
  if (!squatter || squatter.roles.includes('admin')) return
  await recordEvent(manager, { type: 'user.deleted', userId: squatter.id, actorId: by, origin })
  await spendAllProofs(manager, squatter, [])
  await manager.update(
    Users,
    { id: squatter.id },
    {
      // A name that no mail reaches (RFC 2606).
      email: `${squatter.id}@displaced.invalid`,
      erase_after: () => 'now()',
      session_epoch: () => 'session_epoch + 1',
      updated_at: () => 'now()',
    },
  )
}
