import { escapeHtml } from '../../platform/theme/template.ts'

// A checkout of the gateway stub, as JSON and as a page.

/** The request body that creates a checkout. */
export type Body = {
  items?: { name?: string; currency?: string; amount_in_cents?: number; quantity?: number }[]
  expires_at?: string
  success_url?: string
  metadata?: { purchase_id?: string }
}

export type LocalCheckout = Body & {
  id: string
  status: 'unpaid' | 'payment_in_progress' | 'paid'
  paymentId: string
}

export const itemOf = ({ items }: Body) => {
  const { name = '', currency = '', amount_in_cents = 0, quantity = 1 } = items?.[0] ?? {}
  return { name, currency, amount: amount_in_cents * quantity }
}

/** A checkout as the API of the gateway returns it. */
export const view = (checkout: LocalCheckout) => ({
  id: checkout.id,
  status: checkout.status,
  payment: null,
  payment_method: null,
  transfer_setups: [],
  metadata: checkout.metadata ?? {},
  expires_at: checkout.expires_at ?? null,
  success_url: checkout.success_url ?? null,
  total_in_cents: String(itemOf(checkout).amount),
  currency: itemOf(checkout).currency,
  live_mode: false,
  latest_intent: checkout.status === 'unpaid' ? null : { id: checkout.paymentId, type: 'PaymentIntent' },
})

export const page = (checkout: LocalCheckout): string => {
  const { name, amount, currency } = itemOf(checkout)
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Checkout</title>
<h1>${escapeHtml(name)}</h1><p>${(amount / 100).toFixed(2)} ${escapeHtml(currency)}: ${checkout.status}</p>
<form method="post" action="/checkout-session/${checkout.id}/pay"><button>Pay (test)</button></form>`
}
