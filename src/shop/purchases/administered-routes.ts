import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'
import { pageOf, pageQuery, pageReply } from '../../platform/base/pagination.ts'
import { example } from '../../platform/catalog/examples.ts'
import type { Route } from '../../platform/http/route.ts'
import { route } from '../http/route.ts'
import { administeredExample } from './examples.ts'
import { listPurchases } from './list-purchases.ts'
import { recordRefund } from './record-refund.ts'
import { administeredReply, administeredView, issues, purchaseStatuses } from './rules.ts'

const common = { auth: 'admin', limits: ['bearer'] } as const

const getAllPurchases = route({
  ...common,
  method: 'GET',
  path: '/api/v1/admin/purchases',
  summary: 'List purchases',
  description:
    'The newest first. `issue` finds payments that somebody has to look at; `paid_amount` and `paid_currency` say what came where it was not what was asked for.',
  query: v.strictObject({
    ...pageQuery,
    status: v.exactOptional(v.picklist(purchaseStatuses)),
    issue: v.exactOptional(v.picklist(issues)),
    email: v.exactOptional(field.email),
  }),
  replies: { 200: pageReply(administeredReply) },
  problems: ['VALIDATION_ERROR'],
  example: {
    query: { limit: '50', status: 'paid', issue: 'amount_mismatch', email: example.email },
    reply: { data: [administeredExample], next_cursor: null },
  },
  handle: async (deps, { query }) => ({
    status: 200,
    body: pageOf(await listPurchases(deps, query), query, administeredView),
  }),
})

const postRefunded = route({
  ...common,
  method: 'POST',
  path: '/api/v1/admin/purchases/:id/refunded',
  summary: 'Keep that a purchase was given back',
  description:
    'For refunds that the gateway does not tell of. Moves no money: the purchase is refunded, its issue ended and its site available.',
  params: v.strictObject({ id: field.uuid }),
  replies: { 204: 'empty' },
  problems: ['NOT_FOUND', 'FORBIDDEN'],
  example: { params: { id: example.id } },
  handle: async (deps, { params, user, client }) => {
    const refusal = await recordRefund(deps, { purchaseId: params.id, actorId: user.id, origin: client })
    return refusal ?? { status: 204 }
  },
})

export const administeredRoutes: Route[] = [getAllPurchases, postRefunded]
