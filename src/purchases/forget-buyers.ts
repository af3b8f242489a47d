import type { Deps } from '../deps.ts'

const slice = 5000

const keys = `UPDATE purchases SET idempotency_key = NULL WHERE id IN (
  SELECT id FROM purchases
   WHERE idempotency_key IS NOT NULL AND created_at < now() - interval '1 day'
   LIMIT ${slice} FOR UPDATE SKIP LOCKED)`

const buyers = `UPDATE purchases SET email = NULL, full_name = NULL WHERE id IN (
  SELECT id FROM purchases
   WHERE user_id IS NULL AND email IS NOT NULL AND issue IS NULL
     AND CASE WHEN status = 'expired' OR status = 'refunded' AND claim = 'waiting'
              THEN updated_at < now() - interval '30 days'
              ELSE status IN ('paid', 'refunded') AND claim IS DISTINCT FROM 'waiting' END
   LIMIT ${slice} FOR UPDATE SKIP LOCKED)`

const networks = `UPDATE purchases SET networks = NULL WHERE id IN (
  SELECT id FROM purchases
   WHERE networks IS NOT NULL AND status NOT IN ('pending', 'failed')
   LIMIT ${slice} FOR UPDATE SKIP LOCKED)`

/**
 * Forgets what purchases need not remember: keys of requests after a day, networks once nothing is reserved, a
 * guest who never paid or got their money back
 * after thirty, and whose a purchase was once their account is erased. One that was paid and waits for its buyer keeps the
 * address: only its mailbox can claim it. A slice at a time, below the limit of a statement: else a backlog would never
 * end. Returns how many purchases it was about.
 */
export const forgetBuyers = async ({ database }: Pick<Deps, 'database'>): Promise<number> => {
  let forgotten = 0
  for (const statement of [keys, networks, buyers])
    for (;;) {
      const [, changed] = (await database.query(statement)) as [unknown, number]
      forgotten += changed
      if (changed < slice) break
    }
  return forgotten
}
