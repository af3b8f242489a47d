import * as v from 'valibot'
import type { Deps } from '../../deps.ts'
import { shopConfig } from '../catalog/variables.ts'
import { callGateway } from './call-gateway.ts'
import { gatewayId } from './schemas.ts'
import type { Reserved } from './store.ts'

// The buyer is redirected to `checkout_url`. Plain http is accepted only if the gateway itself is called over plain http.
const createdCheckout = (gateway: string) => {
  const scheme = gateway.startsWith('https:') ? /^https:/ : /^https?:/
  return v.object({
    id: gatewayId,
    checkout_url: v.pipe(v.string(), v.regex(scheme), v.url(), v.maxLength(2048)),
  })
}

/** Creates the page where the buyer pays, open as long as the site is reserved. Returns null if the gateway fails. */
export const createCheckout = async (
  deps: Pick<Deps, 'config' | 'log' | 'metrics'>,
  purchase: Reserved,
  slug: string,
): Promise<{ id: string; url: string } | null> => {
  const { FRONTEND_URL, RECURRENTE_URL } = shopConfig(deps.config)
  const created = await callGateway(deps, {
    schema: createdCheckout(RECURRENTE_URL),
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
  if (created === null || created === 'gone') return null
  return { id: created.id, url: created.checkout_url }
}
