import type { EntityManager } from 'typeorm'
import type { FactorType } from '../../platform/catalog/factors.ts'
import type { PreparedReads, Statement } from '../../platform/postgres/prepared-read.ts'
import type { Factor } from './types.ts'
import type { Viewed } from './view.ts'

/** The condition in SQL that a factor counts: it is confirmed and was not removed. */
export const liveOnly = 'confirmed_at IS NOT NULL AND removed_at IS NULL'

const ofUser: Statement = {
  name: 'factors-of-user',
  text: `SELECT id, type, name, created_at, last_used_at, user_verifying, backed_up, transports, aaguid,
      (SELECT count(*)::int FROM recovery_codes WHERE factor_id = factors.id AND used_at IS NULL) AS remaining
    FROM factors WHERE user_id = $1 AND ${liveOnly} ORDER BY created_at, id`,
}

/** The confirmed factors of a user, the oldest first. `remaining`: the unused recovery codes. */
export const findFactors = (
  reads: PreparedReads,
  userId: string,
): Promise<(Viewed & { remaining: number })[]> => reads.run(ofUser, [userId])

/** A factor whose secret is sealed. */
export type SealedFactor = Pick<Factor, 'id' | 'sealed_secret' | 'last_step'>

const sealedOfUser: Statement = {
  name: 'sealed-factors-of-user',
  text: `SELECT id, sealed_secret, last_step FROM factors
    WHERE user_id = $1 AND type = $2 AND ${liveOnly} ORDER BY id`,
}

/** The confirmed factors of a user that have this type. */
export const findSealedFactors = (
  reads: PreparedReads,
  userId: string,
  type: FactorType,
): Promise<SealedFactor[]> => reads.run(sealedOfUser, [userId, type])

/** A confirmed factor of a user, or null. */
export const findFactor = async (
  manager: EntityManager,
  userId: string,
  id: string,
): Promise<Factor | null> => {
  const [row]: Factor[] = await manager.query(
    `SELECT * FROM factors WHERE id = $1 AND user_id = $2 AND ${liveOnly}`,
    [id, userId],
  )
  return row ?? null
}

/** Marks the confirmed factors of a user that have this id or type as removed, and returns them. */
export const removeFactors = async (
  manager: EntityManager,
  userId: string,
  by: { id: string } | { type: FactorType },
): Promise<Pick<Factor, 'id' | 'type' | 'name'>[]> => {
  const [column, value] = 'id' in by ? ['id', by.id] : ['type', by.type]
  const [removed] = (await manager.query(
    `UPDATE factors SET removed_at = clock_timestamp()
      WHERE user_id = $1 AND ${column} = $2 AND ${liveOnly} RETURNING id, type, name`,
    [userId, value],
  )) as [Pick<Factor, 'id' | 'type' | 'name'>[], number]
  return removed
}

/** How many confirmed factors of this type a user has. */
export const countFactors = async (
  manager: EntityManager,
  userId: string,
  type: FactorType,
): Promise<number> => {
  const [row]: { count: number }[] = await manager.query(
    `SELECT count(*)::int FROM factors WHERE user_id = $1 AND type = $2 AND ${liveOnly}`,
    [userId, type],
  )
  return row?.count ?? 0
}
