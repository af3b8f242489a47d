import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'

/** Whether a module stores a row about this user. */
export const hasModuleRows = async (
  manager: EntityManager,
  { userRows }: Pick<Deps, 'userRows'>,
  userId: string,
): Promise<boolean> => {
  for (const { list } of Object.values(userRows)) {
    const rows: unknown[] = await manager.query(list, [userId])
    if (rows.length > 0) return true
  }
  return false
}
