import type { EntityManager } from 'typeorm'
import { moduleRows } from '../../entities.ts'

/** Whether an application module holds a row of this user, such as a payment. */
export const holdsRows = async (manager: EntityManager, userId: string): Promise<boolean> => {
  for (const { list } of Object.values(moduleRows)) {
    const rows: unknown[] = await manager.query(list, [userId])
    if (rows.length > 0) return true
  }
  return false
}
