import * as v from 'valibot'
import type { Deps } from '../../deps.ts'
import { askGateway } from './ask-gateway.ts'
import { gatewayId } from './rules.ts'

// The documentation of the gateway writes the total as a text in one place and as a number in another.
const total = v.union([
  v.pipe(v.number(), v.safeInteger()),
  v.pipe(v.string(), v.regex(/^\d{1,12}$/), v.transform(Number)),
])

const found = v.object({
  status: v.string(),
  total_in_cents: total,
  currency: v.pipe(v.string(), v.regex(/^[A-Za-z]{3}$/)),
  latest_intent: v.nullish(v.object({ id: v.fallback(v.nullish(gatewayId), null) })),
})

export type CheckoutState = { status: string; amount: number; currency: string; paymentId: string | null }

/** What the gateway says of a checkout. Null where it does not. */
export const readCheckout = async (
  deps: Pick<Deps, 'config' | 'log' | 'metrics'>,
  id: string,
): Promise<CheckoutState | null> => {
  const path = `/checkouts/${encodeURIComponent(id)}`
  const read = await askGateway(deps, { method: 'GET', path, answer: found })
  if (!read) return null
  if (read === 'gone') return { status: 'gone', amount: 0, currency: '', paymentId: null }
  const { status, total_in_cents: amount, currency, latest_intent: intent } = read
  return { status, amount, currency, paymentId: intent?.id ?? null }
}
