import type { UserRows } from '../../deps.ts'

/** The purchases of a user, for the features that export, move or keep the rows of a user. */
export const purchaseRows: UserRows = {
  list: `
  SELECT p.id, s.slug AS site, p.amount, p.currency, p.status, p.email, p.full_name, p.created_at, p.paid_at, p.refunded_at
    FROM purchases p JOIN sites s ON s.id = p.site_id WHERE p.user_id = $1 ORDER BY p.id`,
  claim: `UPDATE purchases SET user_id = $1, claim = 'done' WHERE email = $2 AND claim = 'waiting'`,
  release: `UPDATE purchases SET user_id = NULL, claim = 'waiting'
    WHERE user_id = $1 AND email = $2 AND claim = 'done'`,
  move: `UPDATE purchases SET user_id = $2 WHERE user_id = $1`,
}
