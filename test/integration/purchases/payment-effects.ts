import type { Purchase, Shop } from './shop.ts'

/** Reads everything that a payment event changes: all of it is applied, or nothing. */
export const effectsOf =
  (shop: Pick<Shop, 'rowOf' | 'siteOf' | 'emailKindsTo' | 'outcomesOf' | 'sql'>) =>
  async ({ id, slug, email }: Purchase, eventId: string) => ({
    status: (await shop.rowOf(id)).status,
    site: (await shop.siteOf(slug)).status,
    accounts: (await shop.sql('SELECT FROM users WHERE email = $1', [email])).length,
    mails: await shop.emailKindsTo(email),
    events: await shop.outcomesOf([eventId]),
  })

export const noEffects = { status: 'pending', site: 'reserved', accounts: 0, mails: [], events: [] }
export const allEffects = {
  ...{ status: 'paid', site: 'sold', accounts: 1 },
  ...{ mails: ['purchase_confirmation', 'welcome_guest'], events: ['applied'] },
}
