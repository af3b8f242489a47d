import type { EntityManager } from 'typeorm'
import type { Deps, UserRows } from '../../deps.ts'
import type { AuditData } from '../audit/changes.ts'

/**
 * Updates the rows that application modules store about users, in the transaction of the change that requires it. `values`
 * are the parameters of the statement, as `UserRows` describes them. Returns the ids of the updated rows by action and
 * module, for the audit event of that change.
 */
export const updateModuleRows = async (
  manager: EntityManager,
  { userRows }: Pick<Deps, 'userRows'>,
  action: Exclude<keyof UserRows, 'list'>,
  values: [string, string],
): Promise<AuditData> => {
  const updated: [string, string[]][] = []
  for (const [name, rows] of Object.entries(userRows)) {
    const [found]: [{ id: string }[], number] = await manager.query(`${rows[action]} RETURNING id`, values)
    if (found.length > 0) updated.push([name, found.map(({ id }) => id)])
  }
  return updated.length > 0 ? { [action]: Object.fromEntries(updated) } : {}
}
