import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'
import { enqueueEmails, queueEmail } from '../../platform/mail/outbox.ts'
import { shopEmails } from '../catalog/emails.ts'
import { findCustomer } from './find-customer.ts'
import { purchaseRows } from './purchase-rows.ts'
import { recordPurchaseEvent } from './record-purchase-event.ts'
import type { Purchase } from './rules.ts'

/**
 * Makes an account for each mailbox that a paid purchase waits for and that no account has any more, and mails the link to
 * choose a password. The account at the address was another one: its squatter moved it away, it was erased, or a move to
 * the address was undone. Without this the buyer would have no link. Returns how many were invited.
 */
export const inviteBuyers = async (deps: Pick<Deps, 'database' | 'queue' | 'log'>): Promise<number> => {
  for (let invited = 0; ; invited++) {
    const mails = await deps.database.transaction(invite)
    if (!mails) return invited
    await enqueueEmails(deps, mails)
  }
}

const invite = async (manager: EntityManager): Promise<string[] | null> => {
  // Two workers at two purchases of one mailbox would wait for each other: for its account, and for its purchases.
  await manager.query(`SELECT pg_advisory_xact_lock(hashtextextended('invite buyers', 0))`)
  const [purchase]: (Purchase & { email: string })[] = await manager.query(
    `SELECT * FROM purchases
      WHERE claim = 'waiting' AND status = 'paid' AND email IS NOT NULL
        AND NOT EXISTS (SELECT FROM users WHERE users.email = purchases.email)
      ORDER BY id LIMIT 1 FOR UPDATE`,
  )
  if (!purchase) return null
  const { id, email, locale } = purchase
  const { user, claim } = await findCustomer(manager, purchase)
  // Somebody registered the address at this moment: the purchase goes on waiting for the mailbox.
  if (claim === 'waiting') return []
  await manager.query(purchaseRows.claim, [user.id, email])
  await recordPurchaseEvent(manager, { type: 'purchase.claimed', before: purchase, id })
  return [await queueEmail(manager, shopEmails.welcome_guest, { recipient: email, userId: user.id, locale })]
}
