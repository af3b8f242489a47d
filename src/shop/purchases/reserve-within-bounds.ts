import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { isDuplicate } from '../../platform/base/store-errors.ts'
import { configuredLimit } from '../../platform/catalog/limits.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { sha256 } from '../../platform/crypto/derive.ts'
import type { Counter } from '../../platform/limits/limiter.ts'
import { shopLimits } from '../catalog/limits.ts'
import { shopConfig } from '../catalog/variables.ts'
import { readSite } from '../sites/read-site.ts'
import { recordPurchaseEvent } from './record-purchase-event.ts'
import { type Reservation, type Reserved, reserveSite } from './store.ts'

type Needs = Pick<Deps, 'config' | 'database'>

/** The most sites that a network may reserve at once. */
type Bound = { key: string; most: number }

/**
 * Reserves a site, unless a network of the buyer holds as many reserved sites as it may: the points of the limit `purchase`,
 * but at most half of the unsold sites. Returns null if the site is not available, or if a request with the same key comes
 * first.
 *
 * The rate limit alone is not enough: a reservation may outlast its window, and it does not know the size of the shop.
 */
export const reserveWithinBounds = async (
  { database, config }: Needs,
  requested: Omit<Reservation, 'life' | 'networks'>,
  { networks, origin }: { networks: readonly Counter[]; origin: Origin },
): Promise<Reserved | null | Problem<'RATE_LIMIT_EXCEEDED'>> => {
  const { RATE_LIMITS: limits, RESERVATION_TTL: life } = shopConfig(config)
  const { points } = configuredLimit(limits, shopLimits.purchase)
  const bounds = limits === 'off' ? [] : networks.map(counter => boundOf(counter, points))
  const reservation = { ...requested, life, networks: bounds.map(({ key }) => key) }
  const reserved = await database
    .transaction(async manager => {
      const wait = await waitFor(manager, bounds)
      const purchase = wait === null ? await reserveSite(manager, reservation) : null
      const started = { type: 'purchase.started', before: null, id: requested.id, origin } as const
      if (purchase) await recordPurchaseEvent(manager, started)
      return wait ?? purchase
    })
    .catch(error => {
      if (isDuplicate(error, 'purchases_idempotency_key_key')) return null
      throw error
    })
  if (typeof reserved !== 'number') return reserved
  const site = await readSite({ database }, requested.slug)
  const isAvailable = !(site instanceof Problem) && site.status === 'available'
  return isAvailable ? new Problem('RATE_LIMIT_EXCEEDED', { retryAfter: reserved }) : null
}

// A hash, because an IP address is personal data and only its equality matters.
const boundOf = ({ key, times }: Counter, points: number): Bound => ({
  key: sha256(`network\n${key}`).toString('base64url').slice(0, 22),
  most: points * times,
})

/** The seconds until the first reservation of a full network ends; null if no network is full. */
const waitFor = async (manager: EntityManager, bounds: Bound[]): Promise<number | null> => {
  const widest = bounds.at(-1)
  if (!widest) return null
  // The requests of one network run one after the other, so that simultaneous requests cannot exceed the bound.
  await manager.query(`SELECT pg_advisory_xact_lock(hashtextextended('reservations ' || $1, 0))`, [
    widest.key,
  ])
  // A separate statement sees the rows that were committed while this transaction waited for the lock.
  const [row] = (await manager.query(
    `SELECT max(wait)::int AS wait FROM (
       SELECT greatest(1, extract(epoch FROM min(p.expires_at) - now())) AS wait
         FROM unnest($1::text[], $2::int[]) AS bound (key, most)
         JOIN purchases p ON bound.key = ANY (p.networks) AND p.issue IS NULL
         JOIN sites s ON s.held_by = p.id AND s.status = 'reserved'
        GROUP BY bound.key, bound.most
       HAVING count(*) >= least(bound.most, greatest(1, (SELECT count(*) FROM sites WHERE status <> 'sold') / 2))
     ) AS full_up`,
    [bounds.map(({ key }) => key), bounds.map(({ most }) => most)],
  )) as { wait: number | null }[]
  return row?.wait ?? null
}
