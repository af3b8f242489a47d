import * as v from 'valibot'
import type { Deps } from '../../deps.ts'
import { callGateway } from './call-gateway.ts'
import { gatewayId } from './schemas.ts'

// The documentation of the gateway shows the total as a string in one place and as a number in another.
const total = v.union([
  v.pipe(v.number(), v.safeInteger()),
  v.pipe(v.string(), v.regex(/^\d{1,12}$/), v.transform(Number)),
])

const checkout = v.object({
  status: v.string(),
  total_in_cents: total,
  currency: v.pipe(v.string(), v.regex(/^[A-Za-z]{3}$/)),
  latest_intent: v.nullish(v.object({ id: v.fallback(v.nullish(gatewayId), null) })),
})

export type CheckoutState = { status: string; amount: number; currency: string; paymentId: string | null }

/** Reads a checkout from the gateway. Returns null if the gateway fails, and the status `gone` if it has no such checkout. */
export const readCheckout = async (
  deps: Pick<Deps, 'config' | 'log' | 'metrics'>,
  id: string,
): Promise<CheckoutState | null> => {
  const path = `/checkouts/${encodeURIComponent(id)}`
  const read = await callGateway(deps, { method: 'GET', path, schema: checkout })
  if (!read) return null
  if (read === 'gone') return { status: 'gone', amount: 0, currency: '', paymentId: null }
  const { status, total_in_cents: amount, currency, latest_intent: intent } = read
  return { status, amount, currency, paymentId: intent?.id ?? null }
}
