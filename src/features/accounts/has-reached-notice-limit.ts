import type { EntityManager } from 'typeorm'

/**
 * Whether three mails were owed to an address in a day that tell its owner of a registration: strangers cause as many
 * as they like. Whoever asks of one address at once waits for the other's transaction to end, so that no fourth is owed.
 */
export const hasReachedNoticeLimit = async (manager: EntityManager, recipient: string): Promise<boolean> => {
  await manager.query(`SELECT pg_advisory_xact_lock(hashtextextended('account_exists ' || $1, 0))`, [
    recipient,
  ])
  // A statement of its own: it sees what was committed while the lock was waited for.
  const [row]: { owed: number }[] = await manager.query(
    `SELECT count(*)::int AS owed FROM emails
      WHERE recipient = $1 AND kind = 'account_exists' AND status <> 'dropped'
        AND created_at > now() - interval '1 day'`,
    [recipient],
  )
  return (row?.owed ?? 0) >= 3
}
