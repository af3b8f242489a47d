import type { EntityManager } from 'typeorm'
import type { User } from '../../features/users/types.ts'
import { isActive, mayReset } from '../../features/users/user-state.ts'
import { queueEmail } from '../../platform/mail/outbox.ts'
import { shopEmails } from '../catalog/emails.ts'
import { Sites } from '../sites/entity.ts'
import { Purchases } from './entity.ts'
import { findCustomer } from './find-customer.ts'
import { sellSite } from './store.ts'
import type { Claim, Purchase } from './types.ts'

/**
 * Marks a purchase as paid and its site as sold, gives the purchase to the account of its buyer, and queues the emails.
 * `isClosed`: no one can sign in to the account. Returns null if the payment came after the reservation ended and the site
 * belongs to another purchase, or the data of the buyer was deleted. An administrator must then refund it.
 */
export const completeSale = async (
  manager: EntityManager,
  purchase: Purchase,
  paymentId: string | null,
): Promise<{ isClosed: boolean; mails: string[] } | null> => {
  const paid = { status: 'paid', payment_id: paymentId, paid_amount: null, paid_currency: null } as const
  const stamps = { paid_at: () => 'now()', updated_at: () => 'now()' }
  await manager.update(Purchases, { id: purchase.id }, { ...paid, issue: null, ...stamps })
  const isBuyerUnknown = purchase.user_id === null && purchase.email === null
  if (isBuyerUnknown || !(await sellSite(manager, purchase))) return null

  const { user, claim } = await findCustomer(manager, purchase)
  const isWaiting = claim === 'waiting'
  // An email with a user id is in the export of that user, and greets them by name.
  const userId = isWaiting ? null : user.id
  await manager.update(Purchases, { id: purchase.id }, { user_id: userId, claim })
  const mails = await queueEmails(manager, { ...purchase, user_id: userId, claim }, user)
  return { isClosed: isWaiting ? !mayReset(user, Date.now()) : !isActive(user), mails }
}

const queueEmails = async (manager: EntityManager, purchase: Purchase, user: User): Promise<string[]> => {
  const site = await manager.findOneByOrFail(Sites, { id: purchase.site_id })
  const to = { recipient: user.email, userId: purchase.user_id, locale: purchase.locale }
  const data = {
    item: site.name,
    amount: `${purchase.amount} ${purchase.currency}`,
    reference: purchase.id,
  }
  const invitation = invitationFor(user, purchase.claim)
  return [
    ...(invitation ? [await queueEmail(manager, invitation, to)] : []),
    await queueEmail(manager, shopEmails.purchase_confirmation, { ...to, data }),
  ]
}

/** The email with which a guest chooses a password, or null if the account has a password. */
const invitationFor = (user: User, claim: Claim | null) => {
  if (claim === 'waiting') return shopEmails.purchase_claim
  return claim === 'done' && user.password_hash === null ? shopEmails.welcome_guest : null
}
