import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'
import { queueEmail, startDelivery } from '../../platform/mail/outbox.ts'
import { shopEmails } from '../catalog/emails.ts'
import { findCustomer } from './find-customer.ts'
import { purchaseRows } from './purchase-rows.ts'
import { recordPurchaseEvent } from './record-purchase-event.ts'
import type { Purchase } from './types.ts'

/**
 * Creates an account for each buyer whose paid purchase waits at an address that has no account any more, and emails a link
 * to choose a password. Without this job the buyer would have no link. Returns the number of accounts.
 *
 * The former account of another user left the address, was erased, or undid its change to the address.
 */
export const inviteBuyers = async (deps: Pick<Deps, 'database' | 'queue' | 'log'>): Promise<number> => {
  for (let invited = 0; ; invited++) {
    const mails = await deps.database.transaction(invite)
    if (!mails) return invited
    await startDelivery(deps, mails)
  }
}

const invite = async (manager: EntityManager): Promise<string[] | null> => {
  // Two workers with two purchases of one mailbox would deadlock: over its account and its purchases.
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
  // A user registered the address at this moment, so the purchase still waits for the owner of the mailbox.
  if (claim === 'waiting') return []
  await manager.query(purchaseRows.claim, [user.id, email])
  await recordPurchaseEvent(manager, { type: 'purchase.claimed', before: purchase, id })
  return [await queueEmail(manager, shopEmails.welcome_guest, { recipient: email, userId: user.id, locale })]
}
