import type { AuditEventDefinition } from '../../platform/catalog/audit-events.ts'

const change = '`before`, `after`'
const purchase = '`purchase_id`, `site`, `amount`, `currency`'
const purchaseChange = `${purchase}, ${change}`

/** The audit events of the shop, by their type. */
export const shopAuditEvents = {
  'site.created': { on: '`POST /admin/sites`', data: '`site`, `after`' },
  'site.updated': { on: '`PATCH /admin/sites/:slug`', data: `\`site\`, ${change}` },
  'purchase.started': { on: '`POST /sites/:slug/purchase`', data: `${purchase}, \`after\`` },
  'purchase.failed': { on: 'an event of the gateway', data: purchaseChange },
  'purchase.expired': {
    on: 'the worker; a gateway that refuses the checkout or does not answer',
    data: purchaseChange,
  },
  'purchase.paid': { on: 'an event of the gateway, the worker', data: purchaseChange },
  'purchase.claimed': {
    on: 'the worker, for a purchase that waits at an address without an account',
    data: purchaseChange,
  },
  'purchase.issue_raised': { on: 'an event of the gateway, the worker', data: purchaseChange },
  'purchase.refunded': { on: 'an event of the gateway, an administrator', data: purchaseChange },
} as const satisfies Record<string, AuditEventDefinition>

export type ShopAuditType = keyof typeof shopAuditEvents
