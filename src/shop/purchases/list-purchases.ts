import type { Deps } from '../../deps.ts'
import { type PageQuery, rowsFor } from '../../platform/base/pagination.ts'
import type { Issue, PurchaseRow, PurchaseStatus } from './types.ts'

export type PurchaseFilter = PageQuery & {
  userId?: string
  status?: PurchaseStatus
  issue?: Issue
  email?: string
}

const columns = { userId: 'user_id', status: 'status', issue: 'issue', email: 'email' } as const

/** Purchases with their sites, the newest first. */
export const listPurchases = (
  { readFromReplica }: Pick<Deps, 'readFromReplica'>,
  filter: PurchaseFilter,
): Promise<PurchaseRow[]> =>
  readFromReplica(manager => {
    const values: unknown[] = [rowsFor(filter)]
    const bind = (value: unknown): string => `$${values.push(value)}`
    const conditions = Object.entries(columns).flatMap(([name, column]) => {
      const value = filter[name as keyof typeof columns]
      return value === undefined ? [] : [`p.${column} = ${bind(value)}`]
    })
    if (filter.cursor) conditions.push(`p.id < ${bind(filter.cursor)}`)
    return manager.query(
      `SELECT p.*, s.slug AS site_slug, s.name AS site_name,
              p.status IN ('pending', 'failed') AND p.issue IS NULL AND p.expires_at > now() AS is_payable
         FROM purchases p JOIN sites s ON s.id = p.site_id
        ${conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : ''} ORDER BY p.id DESC LIMIT $1`,
      values,
    )
  })
