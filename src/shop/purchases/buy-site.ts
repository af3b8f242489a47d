import { v7 as uuid } from 'uuid'
import type { Deps } from '../../deps.ts'
import type { User } from '../../features/users/types.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { sha256 } from '../../platform/crypto/derive.ts'
import type { Counter } from '../../platform/limits/limiter.ts'
import { shopProblem } from '../catalog/problems.ts'
import { readSite } from '../sites/read-site.ts'
import { createCheckout } from './create-checkout.ts'
import { endPurchase } from './end-purchase.ts'
import { Purchases } from './entity.ts'
import { type Buyer, findBuyer } from './find-buyer.ts'
import { reserveWithinBounds } from './reserve-within-bounds.ts'
import { type Reserved, saveCheckout } from './store.ts'
import type { Purchase } from './types.ts'

type Needs = Pick<Deps, 'config' | 'log' | 'metrics' | 'database'>

export type PurchaseRequest = {
  slug: string
  user: User | null
  email: string | null
  fullName: string | null
  locale: string
  idempotencyKey: string | null
  client: Origin & { network: string }
  /** The counters of the request: its own network first, then the wider ones. */
  networks: readonly Counter[]
}

export type Checkout = { purchase_id: string; checkout_url: string; expires_at: string }

type Refusal = Problem<
  | 'NOT_FOUND'
  | 'VALIDATION_ERROR'
  | 'SITE_UNAVAILABLE'
  | 'REQUEST_IN_PROGRESS'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'SERVICE_UNAVAILABLE'
  | 'RATE_LIMIT_EXCEEDED'
>

const hash = (...parts: (string | null)[]): string => sha256(JSON.stringify(parts)).toString('base64url')

/**
 * A key belongs to an account, or to a guest with one email address, network and User-Agent. With the email address alone,
 * an attacker who guesses it and the key would get the checkout of the guest.
 */
const keyOf = ({ idempotencyKey, client }: PurchaseRequest, { user_id, email }: Buyer): string | null => {
  if (idempotencyKey === null) return null
  const owner = user_id === null ? [email, client.network, client.userAgent] : [user_id]
  return hash(...owner, idempotencyKey)
}

/**
 * Reserves a site and creates its checkout. The same request of the same buyer with the same key gets the same reply. If the
 * gateway fails, the site is released at once.
 */
export const buySite = async (deps: Needs, purchase: PurchaseRequest): Promise<Checkout | Refusal> => {
  const buyer = findBuyer(purchase)
  if (buyer instanceof Problem) return buyer
  const key = keyOf(purchase, buyer)
  const request = hash(purchase.slug, buyer.email, purchase.fullName)

  const repeated = await earlierReply(deps, key, request)
  if (repeated) return repeated
  const { slug, locale, networks, client } = purchase
  const reservation = { ...buyer, id: uuid(), slug, locale, idempotency_key: key, request_hash: request }
  const reserved = await reserveWithinBounds(deps, reservation, { networks, origin: client })
  if (reserved instanceof Problem) return reserved
  if (reserved) return openCheckout(deps, reserved, slug)
  // A simultaneous request with the same key may have reserved the site first.
  const meanwhile = await earlierReply(deps, key, request)
  if (meanwhile) return meanwhile
  const site = await readSite(deps, slug)
  if (site instanceof Problem) return site
  return shopProblem('SITE_UNAVAILABLE', { detail: site.status === 'sold' ? 'sold' : 'reserved' })
}

/** The reply to an earlier request with this key; null if there was none. */
const earlierReply = async (
  { database }: Needs,
  key: string | null,
  request: string,
): Promise<Checkout | Problem<'REQUEST_IN_PROGRESS' | 'IDEMPOTENCY_KEY_REUSED'> | null> => {
  const earlier = key && (await database.getRepository(Purchases).findOneBy({ idempotency_key: key }))
  if (!earlier) return null
  if (earlier.request_hash !== request) return shopProblem('IDEMPOTENCY_KEY_REUSED')
  return replyOf(earlier, earlier.checkout_url) ?? shopProblem('REQUEST_IN_PROGRESS', { retryAfter: 2 })
}

const replyOf = ({ id, expires_at }: Purchase, url: string | null): Checkout | null =>
  url === null ? null : { purchase_id: id, checkout_url: url, expires_at: expires_at.toISOString() }

const openCheckout = async (
  deps: Needs,
  reserved: Reserved,
  slug: string,
): Promise<Checkout | Problem<'SERVICE_UNAVAILABLE'>> => {
  const { manager } = deps.database
  const checkout = await createCheckout(deps, reserved, slug)
  const isSaved = checkout && (await saveCheckout(manager, reserved.id, checkout))
  const reply = isSaved && replyOf(reserved, checkout.url)
  if (reply) return reply
  await endPurchase(deps, reserved.id)
  return new Problem('SERVICE_UNAVAILABLE', { retryAfter: 5 })
}
