import type { EntityManager } from 'typeorm'
import { type ModuleRows, moduleRows } from '../entities.ts'

/**
 * Updates the rows that application modules hold on users, in the transaction of the change that calls for it. `values` are
 * the parameters of the statement, as `ModuleRows` describes them.
 */
export const updateModuleRows = async (
  manager: EntityManager,
  act: Exclude<keyof ModuleRows, 'list'>,
  values: [string, string],
): Promise<void> => {
  for (const rows of Object.values(moduleRows)) await manager.query(rows[act], values)
}
