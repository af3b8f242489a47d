import { type EntityManager, Not } from 'typeorm'
import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { recordEvent } from '../audit/record-event.ts'
import { revokeUserTokens } from '../one-time-tokens/revoke-user-tokens.ts'
import { type User, Users } from '../users/entity.ts'
import { updateModuleRows } from '../users/update-module-rows.ts'

type Taking = { email: string; by: string; origin: Origin }

/**
 * Frees an address for the account that its mailbox restores (`by`), where another account has it and never proved to hold
 * the mailbox: else a thief would register an address that they moved an account away from, and so keep its owner from
 * coming back. An administrator's account stays. The restored account gets the rows of modules: what was paid with the
 * address is never erased.
 */
export const evictUnverifiedAccount = async (
  manager: EntityManager,
  deps: Pick<Deps, 'emails' | 'userRows'>,
  { email, by, origin }: Taking,
): Promise<void> => {
  const other = await manager.findOne(Users, {
    where: { email, email_verified: false, id: Not(by) },
    lock: { mode: 'pessimistic_write' },
  })
  if (!other || other.roles.includes('admin')) return
  await revokeUserTokens(manager, deps, other, [])
  const moved = await updateModuleRows(manager, deps, 'move', [other.id, by])
  const isGuest = other.password_hash === null
  if (isGuest) await merge(manager, other, by)
  const about = isGuest ? ({ type: 'user.merged', userId: by } as const) : displaced(other, by)
  const data = { ...moved, ...(isGuest && { merged_user_id: other.id }) }
  await recordEvent(manager, { ...about, origin, data })
  await manager.update(
    Users,
    { id: other.id },
    {
      // A name that no mail reaches (RFC 2606).
      email: `${other.id}@${isGuest ? 'merged' : 'displaced'}.invalid`,
      erase_after: () => 'now()',
      session_epoch: () => 'session_epoch + 1',
      updated_at: () => 'now()',
    },
  )
}

const displaced = ({ id }: User, by: string) => ({ type: 'user.deleted', userId: id, actorId: by }) as const

const mostEvents = 5000

// An account without a password can be entered by its mailbox alone, the one that presses the link now: the two are one
// person's. Strangers who try to sign in cause events, so only so many move; the eraser forgets the others.
const merge = async (manager: EntityManager, { id }: User, by: string): Promise<void> => {
  await manager.query('UPDATE emails SET user_id = $2 WHERE user_id = $1', [id, by])
  await manager.query(
    `UPDATE audit_events SET user_id = $2
      WHERE id IN (SELECT id FROM audit_events WHERE user_id = $1 ORDER BY id LIMIT ${mostEvents})`,
    [id, by],
  )
}
