import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'
import { pageOf, pageQuery, pageReply } from '../../platform/base/pagination.ts'
import { example } from '../../platform/catalog/examples.ts'
import type { Route } from '../../platform/http/route.ts'
import { route } from '../http/route.ts'
import { adminPurchaseExample } from './examples.ts'
import { listPurchases } from './list-purchases.ts'
import { recordRefund } from './record-refund.ts'
import { adminPurchaseReply } from './schemas.ts'
import { issues, purchaseStatuses } from './types.ts'
import { adminPurchaseView } from './view.ts'

const common = { auth: 'admin', limits: ['bearer'] } as const
const changes = { ...common, fresh: true } as const

const getAllPurchases = route({
  ...common,
  scope: 'purchases:read',
  method: 'GET',
  path: '/api/v1/admin/purchases',
  summary: 'List purchases',
  description:
    'The newest first. `issue` finds payments that need the attention of an administrator. `paid_amount` and `paid_currency` are what was paid, if it differs from the price.',
  query: v.strictObject({
    ...pageQuery,
    status: v.exactOptional(v.picklist(purchaseStatuses)),
    issue: v.exactOptional(v.picklist(issues)),
    email: v.exactOptional(field.email),
  }),
  replies: { 200: pageReply(adminPurchaseReply) },
  problems: ['VALIDATION_ERROR'],
  example: {
    query: { limit: '50', status: 'paid', issue: 'amount_mismatch', email: example.email },
    reply: { data: [adminPurchaseExample], next_cursor: null },
  },
  handle: async (deps, { query }) => ({
    status: 200,
    body: pageOf(await listPurchases(deps, query), query, adminPurchaseView),
  }),
})

const postRefunded = route({
  ...changes,
  scope: 'purchases:write',
  method: 'POST',
  path: '/api/v1/admin/purchases/:id/refunded',
  summary: 'Record the refund of a purchase',
  description:
    'For refunds of which the gateway sends no event. Moves no money: the purchase becomes `refunded`, its issue is cleared and its site becomes available.',
  params: v.strictObject({ id: field.uuid }),
  replies: { 204: 'empty' },
  problems: ['NOT_FOUND', 'FORBIDDEN'],
  example: { params: { id: example.id } },
  handle: async (deps, { params, actor }) => {
    const refusal = await recordRefund(deps, { purchaseId: params.id, ...actor })
    return refusal ?? { status: 204 }
  },
})

export const adminPurchaseRoutes: Route[] = [getAllPurchases, postRefunded]
