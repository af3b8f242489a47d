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
import type { Purchase } from './rules.ts'
import { keepCheckout, type Reserved } from './store.ts'

type Needs = Pick<Deps, 'config' | 'log' | 'metrics' | 'database'>

export type Wish = {
  slug: string
  user: User | null
  email: string | null
  fullName: string | null
  locale: string
  idempotencyKey: string | null
  client: Origin & { network: string }
  /** What the request counts under: its own network first, and those around it. */
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
 * A key belongs to an account, or to a guest at one client: their email address, network and User-Agent. An email address
 * alone proves nothing, so a stranger who guesses it and the key would be shown the checkout of the guest.
 */
const keyOf = ({ idempotencyKey, client }: Wish, { user_id, email }: Buyer): string | null => {
  if (idempotencyKey === null) return null
  const owner = user_id === null ? [email, client.network, client.userAgent] : [user_id]
  return hash(...owner, idempotencyKey)
}

/**
 * Reserves a site and opens its checkout. The same request of the same buyer with the same key gets the same answer. Where
 * the gateway does not serve, the site is available again at once.
 */
export const buySite = async (deps: Needs, wish: Wish): Promise<Checkout | Refusal> => {
  const buyer = findBuyer(wish)
  if (buyer instanceof Problem) return buyer
  const key = keyOf(wish, buyer)
  const request = hash(wish.slug, buyer.email, wish.fullName)

  const earlier = await repeated(deps, key, request)
  if (earlier) return earlier
  const { slug, locale, networks, client } = wish
  const asked = { ...buyer, id: uuid(), slug, locale, idempotency_key: key, request_hash: request }
  const reserved = await reserveWithinBounds(deps, asked, { networks, origin: client })
  if (reserved instanceof Problem) return reserved
  if (reserved) return open(deps, reserved, slug)
  // Of two such requests at once the other may have been first.
  const meanwhile = await repeated(deps, key, request)
  if (meanwhile) return meanwhile
  const site = await readSite(deps, slug)
  if (site instanceof Problem) return site
  return shopProblem('SITE_UNAVAILABLE', { detail: site.status === 'sold' ? 'sold' : 'reserved' })
}

/** What a request with this key was answered, if there was one. */
const repeated = async (
  { database }: Needs,
  key: string | null,
  request: string,
): Promise<Checkout | Problem<'REQUEST_IN_PROGRESS' | 'IDEMPOTENCY_KEY_REUSED'> | null> => {
  const earlier = key && (await database.getRepository(Purchases).findOneBy({ idempotency_key: key }))
  if (!earlier) return null
  if (earlier.request_hash !== request) return shopProblem('IDEMPOTENCY_KEY_REUSED')
  return answerOf(earlier, earlier.checkout_url) ?? shopProblem('REQUEST_IN_PROGRESS', { retryAfter: 2 })
}

const answerOf = ({ id, expires_at }: Purchase, url: string | null): Checkout | null =>
  url === null ? null : { purchase_id: id, checkout_url: url, expires_at: expires_at.toISOString() }

const open = async (
  deps: Needs,
  reserved: Reserved,
  slug: string,
): Promise<Checkout | Problem<'SERVICE_UNAVAILABLE'>> => {
  const { manager } = deps.database
  const checkout = await createCheckout(deps, reserved, slug)
  const kept = checkout && (await keepCheckout(manager, reserved.id, checkout))
  const answer = kept && answerOf(reserved, checkout.url)
  if (answer) return answer
  await endPurchase(deps, reserved.id)
  return new Problem('SERVICE_UNAVAILABLE', { retryAfter: 5 })
}
