import type { DataSource, EntityManager } from 'typeorm'
import { registrationQuery } from './registration-query.ts'

/** When, from which IP address and with which browser an account was registered. */
export type Registration = { time: Date; ip: string; userAgent: string }

/**
 * The registration of this account by a visitor. Null if an administrator, an import or a module created the account, or
 * if the audit event has been purged.
 */
export const findRegistration = async (
  database: DataSource | EntityManager,
  userId: string,
): Promise<Registration | null> => {
  const [event]: { created_at: Date; ip: string; user_agent: string | null }[] = await database.query(
    registrationQuery('$1'),
    [userId],
  )
  return event ? { time: event.created_at, ip: event.ip, userAgent: event.user_agent ?? '' } : null
}
