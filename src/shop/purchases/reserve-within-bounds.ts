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

type Bound = { key: string; most: number }

/**
 * Reserves a site, within what a network may keep from other buyers at once: as many sites as the limit `purchase` has
 * points, and never more than half of those that are not sold. The limit alone would not do: it counts a time, in which a
 * long reservation does not end, and knows nothing of the size of the shop. Null where the site is not available, or
 * another request with this key is first.
 */
export const reserveWithinBounds = async (
  { database, config }: Needs,
  asked: Omit<Reservation, 'life' | 'networks'>,
  { networks, origin }: { networks: readonly Counter[]; origin: Origin },
): Promise<Reserved | null | Problem<'RATE_LIMIT_EXCEEDED'>> => {
  const { RATE_LIMITS: limits, RESERVATION_TTL: life } = shopConfig(config)
  const { points } = configuredLimit(limits, shopLimits.purchase)
  const bounds = limits === 'off' ? [] : networks.map(counter => boundOf(counter, points))
  const reservation = { ...asked, life, networks: bounds.map(({ key }) => key) }
  const reserved = await database
    .transaction(async manager => {
      const wait = await waitFor(manager, bounds)
      const purchase = wait === null ? await reserveSite(manager, reservation) : null
      const started = { type: 'purchase.started', before: null, id: asked.id, origin } as const
      if (purchase) await recordPurchaseEvent(manager, started)
      return wait ?? purchase
    })
    .catch(error => {
      if (isDuplicate(error, 'purchases_idempotency_key_key')) return null
      throw error
    })
  if (typeof reserved !== 'number') return reserved
  const site = await readSite({ database }, asked.slug)
  const isAvailable = !(site instanceof Problem) && site.status === 'available'
  return isAvailable ? new Problem('RATE_LIMIT_EXCEEDED', { retryAfter: reserved }) : null
}

// An address would be personal data where nobody needs to read it.
const boundOf = ({ key, times }: Counter, points: number): Bound => ({
  key: sha256(`network\n${key}`).toString('base64url').slice(0, 22),
  most: points * times,
})

/** The seconds until the first reservation of a network ends that has as many as it may; null where there is room. */
const waitFor = async (manager: EntityManager, bounds: Bound[]): Promise<number | null> => {
  const widest = bounds.at(-1)
  if (!widest) return null
  // Requests of one network wait for each other, so that many at once cannot pass together.
  await manager.query(`SELECT pg_advisory_xact_lock(hashtextextended('reservations ' || $1, 0))`, [
    widest.key,
  ])
  // A statement of its own: it sees what was committed while the lock was waited for.
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
