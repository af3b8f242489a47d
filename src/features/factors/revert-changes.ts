import type { EntityManager } from 'typeorm'

/**
 * Reverts the changes of a user's factors since a point in time: deletes those that were added since, and restores those that
 * were removed since. Call it in a transaction that has locked the row of the user. Returns the ids of the reverted factors.
 */
export const revertFactorChanges = async (
  manager: EntityManager,
  userId: string,
  since: Date,
): Promise<string[]> => {
  const [added]: [{ id: string }[], number] = await manager.query(
    `DELETE FROM factors WHERE user_id = $1 AND (confirmed_at IS NULL OR confirmed_at >= $2) RETURNING id`,
    [userId, since],
  )
  const restored = await restoreFactors(manager, userId, 'removed_at >= $2', since)
  return [...added.map(row => row.id), ...restored]
}

/** Restores the removed factors of a user that have these ids. */
export const restoreFactorsById = (
  manager: EntityManager,
  userId: string,
  ids: readonly string[],
): Promise<string[]> => restoreFactors(manager, userId, 'id = ANY($2)', ids)

// Another account may have registered the same passkey meanwhile, and a newer set of recovery codes may have replaced this one.
// Those factors stay removed.
const restoreFactors = async (
  manager: EntityManager,
  userId: string,
  condition: string,
  value: unknown,
): Promise<string[]> => {
  const [restored]: [{ id: string }[], number] = await manager.query(
    `UPDATE factors SET removed_at = NULL
      WHERE id IN (
        SELECT DISTINCT ON (coalesce(credential_id, CASE type WHEN 'recovery_codes' THEN type ELSE id::text END)) id
          FROM factors removed
         WHERE user_id = $1 AND confirmed_at IS NOT NULL AND removed_at IS NOT NULL AND ${condition}
           AND NOT EXISTS (
             SELECT FROM factors live
              WHERE live.removed_at IS NULL
                AND (live.credential_id = removed.credential_id
                  OR live.user_id = $1 AND live.type = 'recovery_codes' AND removed.type = 'recovery_codes'))
         ORDER BY coalesce(credential_id, CASE type WHEN 'recovery_codes' THEN type ELSE id::text END), removed_at DESC)
      RETURNING id`,
    [userId, value],
  )
  return restored.map(row => row.id)
}
