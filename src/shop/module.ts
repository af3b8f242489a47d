import type { Module } from '../module.ts'
import { shopAuditEvents } from './catalog/audit-events.ts'
import { shopEmails } from './catalog/emails.ts'
import { shopLimits } from './catalog/limits.ts'
import { shopCounters } from './catalog/metrics.ts'
import { shopProblems } from './catalog/problems.ts'
import { shopScopes } from './catalog/scopes.ts'
import { isShop, shopVariables } from './catalog/variables.ts'
import { purchaseRows } from './purchases/purchase-rows.ts'

const minute = 60_000

/** The shop sells sites. It is on if the secrets of its payment gateway are configured. */
export const shop: Module = {
  name: 'purchases',
  variables: shopVariables,
  auditEvents: shopAuditEvents,
  problems: Object.values(shopProblems),
  scopes: shopScopes,
  limits: Object.values(shopLimits),
  emails: Object.values(shopEmails),
  counters: Object.values(shopCounters),
  entities: async () => {
    const { Sites } = await import('./sites/entity.ts')
    const { Purchases, WebhookEvents } = await import('./purchases/entity.ts')
    return [Sites, Purchases, WebhookEvents]
  },
  userRows: purchaseRows,
  hasLateRoutes: true,
  routes: async ({ config }) => {
    if (!isShop(config)) return []
    const { siteRoutes } = await import('./sites/routes.ts')
    const { purchaseRoutes } = await import('./purchases/routes.ts')
    return [...siteRoutes, ...purchaseRoutes]
  },
  jobs: async () => {
    const { reconcile } = await import('./purchases/reconcile.ts')
    const { inviteBuyers } = await import('./purchases/invite-buyers.ts')
    const { forgetBuyers } = await import('./purchases/forget-buyers.ts')
    return [
      { run: reconcile, pauseMs: minute / 4 },
      { run: inviteBuyers, pauseMs: minute },
      { run: forgetBuyers, pauseMs: 10 * minute },
    ]
  },
}
