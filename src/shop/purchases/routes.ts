import * as v from 'valibot'
import { pattern, time } from '../../platform/base/field-shapes.ts'
import * as field from '../../platform/base/fields.ts'
import { pageOf, pageQuery, pageReply } from '../../platform/base/pagination.ts'
import { example } from '../../platform/catalog/examples.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { countersOf } from '../../platform/http/client.ts'
import type { Route } from '../../platform/http/route.ts'
import { route } from '../http/route.ts'
import { siteBodyExample } from '../sites/examples.ts'
import { slug } from '../sites/schemas.ts'
import { adminPurchaseRoutes } from './admin-routes.ts'
import { buySite } from './buy-site.ts'
import { checkoutUrlExample, purchaseExample } from './examples.ts'
import { listPurchases } from './list-purchases.ts'
import { purchaseReply } from './schemas.ts'
import { purchaseStatuses } from './types.ts'
import { purchaseView } from './view.ts'
import { webhookRoutes } from './webhook-routes.ts'

const postPurchase = route({
  method: 'POST',
  path: '/api/v1/sites/:slug/purchase',
  summary: 'Reserve a site and open its checkout',
  description:
    'A guest sends `email` and `full_name`; a signed-in user need not. The site is reserved until `expires_at`. One network may reserve as many sites at once as the limit `purchase` has points, and at most half of the unsold sites: `429` says when the first reservation ends. Send an `Idempotency-Key` to be able to repeat the request.',
  auth: 'optional',
  limits: ['purchase'],
  params: v.strictObject({ slug }),
  headers: v.object({
    'idempotency-key': v.exactOptional(
      pattern(
        'idempotency_key',
        'must be 1 to 255 visible characters',
        'A repeated request with the same key has no further effect and gets the same reply, for a day. The key of a guest is valid for one network and one User-Agent.',
        /^[!-~]{1,255}$/,
      ),
    ),
  }),
  body: v.strictObject({
    email: v.exactOptional(field.email),
    full_name: v.exactOptional(field.fullName),
  }),
  replies: {
    201: v.object({
      purchase_id: v.pipe(v.string(), v.uuid()),
      checkout_url: v.string(),
      expires_at: time,
    }),
  },
  problems: [
    'NOT_FOUND',
    'SITE_UNAVAILABLE',
    'REQUEST_IN_PROGRESS',
    'IDEMPOTENCY_KEY_REUSED',
    'SERVICE_UNAVAILABLE',
    'RATE_LIMIT_EXCEEDED',
    'VALIDATION_ERROR',
  ],
  example: {
    params: { slug: siteBodyExample.slug },
    headers: { 'idempotency-key': 'cart-7' },
    body: { email: example.email, full_name: example.fullName },
    reply: { purchase_id: example.id, checkout_url: checkoutUrlExample, expires_at: example.later },
  },
  handle: async (deps, { params, headers, body, user, client }) => {
    const checkout = await buySite(deps, {
      slug: params.slug,
      user: user ?? null,
      email: body.email ?? null,
      fullName: body.full_name ?? null,
      locale: user?.preferred_language ?? client.locale,
      idempotencyKey: headers['idempotency-key'] ?? null,
      client,
      networks: countersOf(client.network),
    })
    return checkout instanceof Problem ? checkout : { status: 201, body: checkout }
  },
})

const getPurchases = route({
  method: 'GET',
  path: '/api/v1/purchases',
  summary: 'List your purchases',
  description: 'The newest first. `checkout_url` is null once the purchase cannot be paid any more.',
  auth: 'bearer',
  limits: ['bearer'],
  query: v.strictObject({ ...pageQuery, status: v.exactOptional(v.picklist(purchaseStatuses)) }),
  replies: { 200: pageReply(purchaseReply) },
  problems: ['VALIDATION_ERROR'],
  example: {
    query: { limit: '50', status: 'paid' },
    reply: { data: [purchaseExample], next_cursor: null },
  },
  handle: async (deps, { query, user }) => ({
    status: 200,
    body: pageOf(await listPurchases(deps, { ...query, userId: user.id }), query, purchaseView),
  }),
})

export const purchaseRoutes: Route[] = [postPurchase, getPurchases, ...adminPurchaseRoutes, ...webhookRoutes]
