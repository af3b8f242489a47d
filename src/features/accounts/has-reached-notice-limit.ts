import type { EntityManager } from 'typeorm'

/**
 * Whether three emails about a registration were queued to an address within a day, as anyone can cause them. Concurrent
 * transactions for one address wait for each other, so that no fourth email is queued.
 */
export const hasReachedNoticeLimit = async (manager: EntityManager, recipient: string): Promise<boolean> => {
  await manager.query(`SELECT pg_advisory_xact_lock(hashtextextended('account_exists ' || $1, 0))`, [
    recipient,
  ])
  // A separate statement sees the rows that were committed while the lock was waited for.
  const [row]: { queued: number }[] = await manager.query(
    `SELECT count(*)::int AS queued FROM emails
      WHERE recipient = $1 AND kind = 'account_exists' AND status <> 'dropped'
        AND created_at > now() - interval '1 day'`,
    [recipient],
  )
  return (row?.queued ?? 0) >= 3
}
