import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import type { FactorType } from '../../platform/catalog/factors.ts'
import { counters } from '../../platform/catalog/metrics.ts'
import { recordEvent } from '../audit/record-event.ts'
import type { User } from '../users/types.ts'
import { liveOnly } from './factor-store.ts'
import { revokeUndoLinks } from './revoke-undo-links.ts'

const noOrigin: Origin = { ip: '', userAgent: '' }

/**
 * Deletes the factors of a user whose address was never verified. Otherwise an attacker who registers the address of a victim
 * and adds a passkey could still sign in after the victim has verified the address.
 *
 * Call it in the transaction that verifies the address, after it has locked the row of the user and before it changes that
 * row. A user who is verified by then, or has another address, keeps the factors.
 *
 * Returns whether the user had a confirmed factor. The caller then removes the password and ends the sessions too.
 */
export const removeUnprovenFactors = async (
  manager: EntityManager,
  deps: Pick<Deps, 'emails' | 'metrics'>,
  user: Pick<User, 'id' | 'email'>,
  origin: Origin = noOrigin,
): Promise<boolean> => {
  const [rows]: [{ id: string; type: FactorType; is_live: boolean }[], number] = await manager.query(
    `DELETE FROM factors USING users
      WHERE users.id = $1 AND users.email = $2 AND NOT users.email_verified AND factors.user_id = users.id
      RETURNING factors.id, type, ${liveOnly} AS is_live`,
    [user.id, user.email],
  )
  const live = rows.filter(row => row.is_live)
  if (live.length === 0) return false
  for (const { type } of live) deps.metrics.count(counters.factors_changed, { type, change: 'removed' })
  await revokeUndoLinks(manager, deps, user)
  const data = { factor_ids: live.map(row => row.id) }
  await recordEvent(manager, { type: 'factor.unproven_removed', userId: user.id, origin, data })
  return true
}
