import * as v from 'valibot'
import { emailReply } from '../../features/users/schemas.ts'
import { named, time } from '../../platform/base/field-shapes.ts'
import { currencies } from '../sites/types.ts'
import { claims, issues, purchaseStatuses } from './types.ts'

/** The id of a checkout or a payment at the gateway. Postgres stores no NUL, and an index entry must fit on a page. */
export const gatewayId = v.pipe(v.string(), v.regex(/^[!-~]{1,200}$/))

export const purchaseReply = named('Purchase', {
  id: v.pipe(v.string(), v.uuid()),
  site: v.object({ slug: v.string(), name: v.string() }),
  amount: v.number(),
  currency: v.picklist(currencies),
  status: v.picklist(purchaseStatuses),
  checkout_url: v.nullable(v.string()),
  expires_at: time,
  created_at: time,
  paid_at: v.nullable(time),
  refunded_at: v.nullable(time),
})

export const adminPurchaseReply = named('AdministeredPurchase', {
  ...purchaseReply.entries,
  user_id: v.nullable(v.string()),
  email: v.nullable(emailReply),
  full_name: v.nullable(v.string()),
  claim: v.nullable(v.picklist(claims)),
  issue: v.nullable(v.picklist(issues)),
  checkout_id: v.nullable(v.string()),
  payment_id: v.nullable(v.string()),
  paid_amount: v.nullable(v.number()),
  paid_currency: v.nullable(v.string()),
})
