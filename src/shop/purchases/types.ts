import type { Currency } from '../sites/types.ts'

/** In the order of the life of a purchase: a purchase may skip a status, but never returns to an earlier one. */
export const purchaseStatuses = ['pending', 'failed', 'expired', 'paid', 'refunded'] as const
export type PurchaseStatus = (typeof purchaseStatuses)[number]

/**
 * What an administrator must look at. `amount_mismatch`: another amount was paid or refunded than expected.
 * `site_unavailable`: the site belonged to another purchase when the payment arrived.
 */
export const issues = ['amount_mismatch', 'site_unavailable'] as const
export type Issue = (typeof issues)[number]

/** `waiting`: no account gets the purchase of a guest before a link to their mailbox has set its password. */
export const claims = ['waiting', 'done'] as const
export type Claim = (typeof claims)[number]

export type Purchase = {
  id: string
  site_id: string
  /** Null for a guest, until the payment creates their account. */
  user_id: string | null
  email: string | null
  full_name: string | null
  /** For a paid purchase of a guest: whether it waits for the owner of the mailbox, or is in their account. */
  claim: Claim | null
  locale: string
  amount: number
  currency: Currency
  status: PurchaseStatus
  issue: Issue | null
  checkout_id: string | null
  checkout_url: string | null
  payment_id: string | null
  /** What was paid, if it differs from the price. Text, because the gateway may report any number. */
  paid_amount: string | null
  paid_currency: string | null
  /** Hashes: of the key and its sender, of the content of the request, and of the networks that it came from. */
  idempotency_key: string | null
  request_hash: string
  networks: string[] | null
  expires_at: Date
  /** When the worker asks the gateway about the checkout next, unless a webhook event has settled it before. */
  look_after: Date
  created_at: Date
  updated_at: Date
  paid_at: Date | null
  refunded_at: Date | null
}

/** A purchase together with its site, as lists read it. `is_payable` is also false if another amount was paid already. */
export type PurchaseRow = Purchase & { site_slug: string; site_name: string; is_payable: boolean }

/** The state of a payment, from a webhook event or from a reply of the gateway. `amount` is in minor units. */
export type PaymentReport = {
  kind: 'paid' | 'failed' | 'refunded' | 'noted'
  checkoutId: string | null
  purchaseId: string | null
  paymentId: string | null
  amount: number | null
  currency: string | null
}
