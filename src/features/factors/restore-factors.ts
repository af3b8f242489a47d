import type { EntityManager } from 'typeorm'
import type { FactorType } from '../../platform/catalog/factors.ts'

/** Which removed factors to restore: these, or all that were removed since then. */
type Removed = { ids: readonly string[] } | { since: Date }

// At most one passkey of a credential and one set of recovery codes can be live, so of several only the last one is restored.
const singleton = `coalesce(credential_id, CASE type WHEN 'recovery_codes' THEN type ELSE id::text END)`

/**
 * Restores removed factors of a user, in a transaction that has locked the row of the user. A passkey stays removed if
 * another row has its credential. Recovery codes stay removed if there is a newer set.
 */
export const restoreFactors = async (
  manager: EntityManager,
  userId: string,
  removed: Removed,
): Promise<{ id: string; type: FactorType }[]> => {
  const [condition, value] =
    'ids' in removed ? ['id = ANY($2::uuid[])', removed.ids] : ['removed_at >= $2', removed.since]
  const [restored]: [{ id: string; type: FactorType }[], number] = await manager.query(
    `UPDATE factors SET removed_at = NULL
      WHERE id IN (
        SELECT DISTINCT ON (${singleton}) id FROM factors f
         WHERE user_id = $1 AND confirmed_at IS NOT NULL AND removed_at IS NOT NULL AND ${condition}
           AND NOT EXISTS (
             SELECT FROM factors live
              WHERE live.removed_at IS NULL
                AND (live.credential_id = f.credential_id
                  OR live.user_id = $1 AND live.type = 'recovery_codes' AND f.type = 'recovery_codes'))
         ORDER BY ${singleton}, removed_at DESC)
      RETURNING id, type`,
    [userId, value],
  )
  return restored
}
