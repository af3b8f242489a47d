import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Not } from '../../platform/postgres/typeorm.ts'
import { recordEvent } from '../audit/record-event.ts'
import { revokeUserTokens } from '../one-time-tokens/revoke-user-tokens.ts'
import { type User, Users } from '../users/entity.ts'
import { updateModuleRows } from '../users/update-module-rows.ts'

/** `restoredId` is the account that gets the address back. */
type Eviction = { email: string; restoredId: string; origin: Origin }

/**
 * Frees the former address of an account that an undo link restores, if another account has the address and never
 * verified it. Otherwise a thief who changed the address of an account could register the old address, and so prevent the
 * undo.
 *
 * An administrator's account stays. The restored account gets the rows of modules, so that nothing that a module granted to
 * the address is erased. Returns the id of the other account: its sessions have ended.
 */
export const evictUnverifiedAccount = async (
  manager: EntityManager,
  deps: Pick<Deps, 'emails' | 'userRows'>,
  { email, restoredId, origin }: Eviction,
): Promise<string | null> => {
  const other = await manager.findOne(Users, {
    where: { email, email_verified: false, id: Not(restoredId) },
    lock: { mode: 'pessimistic_write' },
  })
  if (!other || other.roles.includes('admin')) return null
  await revokeUserTokens(manager, deps, other, [])
  const moved = await updateModuleRows(manager, deps, 'move', [other.id, restoredId])
  const hasNoPassword = other.password_hash === null
  if (hasNoPassword) await mergeAccounts(manager, other, restoredId)
  const event = hasNoPassword
    ? ({ type: 'user.merged', userId: restoredId } as const)
    : ({ type: 'user.deleted', userId: other.id, actorId: restoredId } as const)
  const data = { ...moved, ...(hasNoPassword && { merged_user_id: other.id }) }
  await recordEvent(manager, { ...event, origin, data })
  await manager.update(
    Users,
    { id: other.id },
    {
      // An address that no email reaches (RFC 2606).
      email: `${other.id}@${hasNoPassword ? 'merged' : 'displaced'}.invalid`,
      erase_after: () => 'now()',
      session_epoch: () => 'session_epoch + 1',
      updated_at: () => 'now()',
    },
  )
  return other.id
}

const maxEvents = 5000

// Only the owner of the mailbox can sign in to an account without a password, and that owner has followed the link: both
// accounts belong to one person. Attackers can cause any number of events by trying to sign in, so at most `maxEvents`
// move; the erasure of the account anonymizes the rest.
const mergeAccounts = async (manager: EntityManager, { id }: User, restoredId: string): Promise<void> => {
  await manager.query('UPDATE emails SET user_id = $2 WHERE user_id = $1', [id, restoredId])
  await manager.query(
    `UPDATE audit_events SET user_id = $2
      WHERE id IN (SELECT id FROM audit_events WHERE user_id = $1 ORDER BY id LIMIT ${maxEvents})`,
    [id, restoredId],
  )
}
