import type { Purchase, Shop } from './shop.ts'

// What an event of a payment leaves behind: nothing, or all of it.

export const leftBy =
  (shop: Pick<Shop, 'rowOf' | 'siteOf' | 'owedTo' | 'outcomesOf' | 'sql'>) =>
  async ({ id, slug, email }: Purchase, eventId: string) => ({
    status: (await shop.rowOf(id)).status,
    site: (await shop.siteOf(slug)).status,
    accounts: (await shop.sql('SELECT FROM users WHERE email = $1', [email])).length,
    mails: await shop.owedTo(email),
    events: await shop.outcomesOf([eventId]),
  })

export const nothing = { status: 'pending', site: 'reserved', accounts: 0, mails: [], events: [] }
export const all = {
  ...{ status: 'paid', site: 'sold', accounts: 1 },
  ...{ mails: ['purchase_confirmation', 'welcome_guest'], events: ['applied'] },
}
