import * as v from 'valibot'
import { emailReply } from '../../features/users/schemas.ts'
import { named, time } from '../../platform/base/field-shapes.ts'
import { type Currency, currencies } from '../sites/rules.ts'

/** In the order that a purchase goes through them: it skips some, and never goes back. */
export const purchaseStatuses = ['pending', 'failed', 'expired', 'paid', 'refunded'] as const
export type PurchaseStatus = (typeof purchaseStatuses)[number]

/** What somebody has to look at: another amount was paid than asked for, or a site that was somebody else's by then. */
export const issues = ['amount_mismatch', 'site_unavailable'] as const
export type Issue = (typeof issues)[number]

/** `waiting`: no account gets the purchase of a guest before a link to their mailbox has set its password. */
export const claims = ['waiting', 'done'] as const
export type Claim = (typeof claims)[number]

export type Purchase = {
  id: string
  site_id: string
  /** Null for a guest, until the payment makes them an account. */
  user_id: string | null
  email: string | null
  full_name: string | null
  /** Of a guest's paid purchase: whether it waits for the owner of the mailbox, or is in their account. */
  claim: Claim | null
  locale: string
  amount: number
  currency: Currency
  status: PurchaseStatus
  issue: Issue | null
  checkout_id: string | null
  checkout_url: string | null
  payment_id: string | null
  /** What came, where it is not what was asked for. The amount as text, since it is the gateway's: it may be any. */
  paid_amount: string | null
  paid_currency: string | null
  /** Hashes: of the key and who sent it, of what they asked for, and of the networks that it came from. */
  idempotency_key: string | null
  request_hash: string
  networks: string[] | null
  expires_at: Date
  /** When the gateway is asked next, unless a webhook has told by then. */
  look_after: Date
  created_at: Date
  updated_at: Date
  paid_at: Date | null
  refunded_at: Date | null
}

/** What the gateway calls a checkout or a payment. Postgres takes no NUL, and an index no more than a page. */
export const gatewayId = v.pipe(v.string(), v.regex(/^[!-~]{1,200}$/))

/** What is told of a payment, by a webhook or by the gateway when it is asked. `amount` in minor units. */
export type PaymentNews = {
  kind: 'paid' | 'failed' | 'refunded' | 'noted'
  checkoutId: string | null
  purchaseId: string | null
  paymentId: string | null
  amount: number | null
  currency: string | null
}

/** Whether a purchase in this status may become that: forward alone, in whatever order events arrive. */
export const leadsTo = (from: PurchaseStatus, to: PurchaseStatus): boolean =>
  purchaseStatuses.indexOf(to) > purchaseStatuses.indexOf(from)

/** A purchase together with its site, as lists read it. `is_payable` is false as well where another amount came already. */
export type PurchaseRow = Purchase & { site_slug: string; site_name: string; is_payable: boolean }

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

/** The address of the checkout is of use for as long as it can be paid. */
export const purchaseView = (row: PurchaseRow): v.InferOutput<typeof purchaseReply> => ({
  id: row.id,
  site: { slug: row.site_slug, name: row.site_name },
  amount: row.amount,
  currency: row.currency,
  status: row.status,
  checkout_url: row.is_payable ? row.checkout_url : null,
  expires_at: row.expires_at.toISOString(),
  created_at: row.created_at.toISOString(),
  paid_at: row.paid_at?.toISOString() ?? null,
  refunded_at: row.refunded_at?.toISOString() ?? null,
})

export const administeredReply = named('AdministeredPurchase', {
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

export const administeredView = (row: PurchaseRow): v.InferOutput<typeof administeredReply> => {
  const { user_id, email, full_name, claim, issue, checkout_id, payment_id, paid_currency } = row
  const shown = { user_id, email, full_name, claim, issue, checkout_id, payment_id, paid_currency }
  const paid_amount = row.paid_amount === null ? null : Number(row.paid_amount)
  return { ...purchaseView(row), ...shown, paid_amount }
}
