import type { EntityManager } from 'typeorm'
import type { User } from '../../features/users/types.ts'
import { isActive, mayReset } from '../../features/users/user-state.ts'
import { queueEmail } from '../../platform/mail/outbox.ts'
import { shopEmails } from '../catalog/emails.ts'
import { Sites } from '../sites/entity.ts'
import { Purchases } from './entity.ts'
import { findCustomer } from './find-customer.ts'
import type { Claim, Purchase } from './rules.ts'
import { sellSite } from './store.ts'

/**
 * Marks a purchase paid and its site sold, gives it to its buyer, and owes them the emails. `isClosed` tells of an account
 * that nobody can enter. Returns null where the payment came after the reservation ended, and the site belongs to another
 * buyer or this one is forgotten: then the money is to go back, by hand.
 */
export const completeSale = async (
  manager: EntityManager,
  purchase: Purchase,
  paymentId: string | null,
): Promise<{ isClosed: boolean; mails: string[] } | null> => {
  const paid = { status: 'paid', payment_id: paymentId, paid_amount: null, paid_currency: null } as const
  const stamps = { paid_at: () => 'now()', updated_at: () => 'now()' }
  await manager.update(Purchases, { id: purchase.id }, { ...paid, issue: null, ...stamps })
  const isForgotten = purchase.user_id === null && purchase.email === null
  if (isForgotten || !(await sellSite(manager, purchase))) return null

  const { user, claim } = await findCustomer(manager, purchase)
  const isWaiting = claim === 'waiting'
  // An email with a user is that user's: it is in their export, and greets them by name.
  const userId = isWaiting ? null : user.id
  await manager.update(Purchases, { id: purchase.id }, { user_id: userId, claim })
  const mails = await oweMails(manager, { ...purchase, user_id: userId, claim }, user)
  return { isClosed: isWaiting ? !mayReset(user, Date.now()) : !isActive(user), mails }
}

const oweMails = async (manager: EntityManager, purchase: Purchase, user: User): Promise<string[]> => {
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

/** The email by which a guest gets into the account, or null where they have their password. */
const invitationFor = (user: User, claim: Claim | null) => {
  if (claim === 'waiting') return shopEmails.purchase_claim
  return claim === 'done' && user.password_hash === null ? shopEmails.welcome_guest : null
}
