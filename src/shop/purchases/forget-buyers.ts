import type { Deps } from '../../deps.ts'

const slice = 1000

const keys = `UPDATE purchases SET idempotency_key = NULL WHERE id IN (
  SELECT id FROM purchases
   WHERE idempotency_key IS NOT NULL AND created_at < now() - interval '1 day'
   LIMIT ${slice} FOR UPDATE SKIP LOCKED) RETURNING id`

const networks = `UPDATE purchases SET networks = NULL WHERE id IN (
  SELECT id FROM purchases
   WHERE networks IS NOT NULL AND status NOT IN ('pending', 'failed')
   LIMIT ${slice} FOR UPDATE SKIP LOCKED) RETURNING id`

const buyers = `UPDATE purchases SET email = NULL, full_name = NULL WHERE id IN (
  SELECT id FROM purchases
   WHERE user_id IS NULL AND email IS NOT NULL AND issue IS NULL
     AND CASE WHEN status = 'expired' OR status = 'refunded' AND claim = 'waiting'
              THEN updated_at < now() - interval '30 days'
              ELSE status IN ('paid', 'refunded') AND claim IS DISTINCT FROM 'waiting' END
   LIMIT ${slice} FOR UPDATE SKIP LOCKED) RETURNING id`

// The audit event of the request holds the IP address and the browser of the guest.
const eventsOf = `UPDATE audit_events SET ip = NULL, user_agent = NULL
  WHERE user_id IS NULL AND data ? 'purchase_id' AND data->>'purchase_id' IN (SELECT id::text FROM forgotten)`

const statements = [
  `WITH forgotten AS (${keys}) SELECT count(*)::int AS count FROM forgotten`,
  `WITH forgotten AS (${networks}) SELECT count(*)::int AS count FROM forgotten`,
  `WITH forgotten AS (${buyers}), events AS (${eventsOf}) SELECT count(*)::int AS count FROM forgotten`,
]

/**
 * Deletes personal data that purchases no longer need:
 *
 * - idempotency keys after a day, and networks once the site is not reserved any more
 * - the address and name of a guest who did not pay or got a refund, after thirty days
 * - the address and name of a buyer whose account was erased. A paid purchase that waits for its buyer keeps the address,
 *   because only the owner of that mailbox can claim it.
 *
 * Each statement updates a slice, so that a large backlog does not exceed the statement timeout. Returns the number of
 * updates.
 */
export const forgetBuyers = async ({ database }: Pick<Deps, 'database'>): Promise<number> => {
  let forgotten = 0
  for (const statement of statements)
    for (;;) {
      const [found]: { count: number }[] = await database.query(statement)
      const { count } = found ?? { count: 0 }
      forgotten += count
      if (count < slice) break
    }
  return forgotten
}
