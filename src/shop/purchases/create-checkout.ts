import * as v from 'valibot'
import type { Deps } from '../../deps.ts'
import { shopConfig } from '../catalog/variables.ts'
import { askGateway } from './ask-gateway.ts'
import { gatewayId } from './rules.ts'
import type { Reserved } from './store.ts'

// Buyers are sent there: in clear at most where the gateway itself is spoken to in clear.
const created = (gateway: string) => {
  const scheme = gateway.startsWith('https:') ? /^https:/ : /^https?:/
  return v.object({
    id: gatewayId,
    checkout_url: v.pipe(v.string(), v.regex(scheme), v.url(), v.maxLength(2048)),
  })
}

/** Opens the page where a purchase is paid, for as long as its site is reserved. Null where the gateway does not. */
export const createCheckout = async (
  deps: Pick<Deps, 'config' | 'log' | 'metrics'>,
  purchase: Reserved,
  slug: string,
): Promise<{ id: string; url: string } | null> => {
  const { FRONTEND_URL, RECURRENTE_URL } = shopConfig(deps.config)
  const made = await askGateway(deps, {
    answer: created(RECURRENTE_URL),
    method: 'POST',
    path: '/checkouts',
    key: purchase.id,
    body: {
      items: [
        {
          name: purchase.site_name,
          currency: purchase.currency,
          amount_in_cents: purchase.amount,
          quantity: 1,
          ...(purchase.image_url && { image_url: purchase.image_url }),
        },
      ],
      ...(FRONTEND_URL && {
        success_url: `${FRONTEND_URL}/purchase-complete?purchase_id=${purchase.id}`,
        cancel_url: `${FRONTEND_URL}/sites/${slug}`,
      }),
      expires_at: purchase.expires_at.toISOString(),
      metadata: { purchase_id: purchase.id },
    },
  })
  if (made === null || made === 'gone') return null
  return { id: made.id, url: made.checkout_url }
}
