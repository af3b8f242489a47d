import type { EntityManager } from 'typeorm'
import type { Purchase } from './types.ts'

// One statement changes a site and its purchase together, so that only one of two simultaneous buyers gets the site.

export type Reservation = Pick<
  Purchase,
  'id' | 'user_id' | 'email' | 'full_name' | 'locale' | 'idempotency_key' | 'request_hash'
> & {
  slug: string
  networks: string[]
  /** How long the site is reserved, in milliseconds. */
  life: number
}

export type Reserved = Purchase & { site_name: string; image_url: string | null }

/** How often the worker asks the gateway about an open checkout. */
const checkIntervalSeconds = 60

/** Reserves an available site and creates its purchase at the current price. Returns null if the site is not available. */
export const reserveSite = async (
  manager: EntityManager,
  reservation: Reservation,
): Promise<Reserved | null> => {
  const [row]: Reserved[] = await manager.query(
    `WITH site AS (
       UPDATE sites SET status = 'reserved', held_by = $1, updated_at = now()
        WHERE slug = $2 AND status = 'available' RETURNING *
     ), purchase AS (
       INSERT INTO purchases (id, site_id, user_id, email, full_name, locale, amount, currency, idempotency_key,
                              request_hash, networks, expires_at, look_after)
       SELECT $1, id, $3, $4, $5, $6, price, currency, $7, $8, nullif($9::text[], '{}'),
              now() + $10 * interval '1 millisecond', now() + $11 * interval '1 second'
         FROM site RETURNING *
     )
     SELECT purchase.*, site.name AS site_name, site.image_url FROM purchase, site`,
    [
      ...[
        reservation.id,
        reservation.slug,
        reservation.user_id,
        reservation.email,
        reservation.full_name,
        reservation.locale,
      ],
      ...[
        reservation.idempotency_key,
        reservation.request_hash,
        reservation.networks,
        reservation.life,
        checkIntervalSeconds,
      ],
    ],
  )
  return row ?? null
}

/** Stores the checkout of a purchase. Returns false if the purchase has ended in the meantime. */
export const saveCheckout = async (
  manager: EntityManager,
  id: string,
  checkout: { id: string; url: string },
): Promise<boolean> => {
  const [, changed] = (await manager.query(
    `UPDATE purchases SET checkout_id = $2, checkout_url = $3, updated_at = now()
      WHERE id = $1 AND status = 'pending' AND checkout_id IS NULL`,
    [id, checkout.id, checkout.url],
  )) as [unknown, number]
  return changed === 1
}

/**
 * Expires an unpaid purchase and releases its site. A paid purchase and one with an issue stay. The idempotency key of a
 * purchase without a checkout is freed, because its request was never answered.
 */
export const expirePurchase = async (manager: EntityManager, id: string): Promise<void> => {
  await manager.query(
    `WITH ended AS (
       UPDATE purchases
          SET status = 'expired', updated_at = now(),
              idempotency_key = CASE WHEN checkout_id IS NULL THEN NULL ELSE idempotency_key END
        WHERE id = $1 AND status IN ('pending', 'failed') AND issue IS NULL RETURNING id, site_id
     )
     UPDATE sites SET status = 'available', held_by = NULL, updated_at = now()
      WHERE id = (SELECT site_id FROM ended) AND held_by = $1 AND status = 'reserved'`,
    [id],
  )
}

/** Marks the site of a paid purchase as sold. Returns false if the site belongs to another purchase. */
export const sellSite = async (manager: EntityManager, { id, site_id }: Purchase): Promise<boolean> => {
  const [, changed] = (await manager.query(
    `UPDATE sites SET status = 'sold', held_by = $1, updated_at = now()
      WHERE id = $2 AND (held_by = $1 OR status = 'available')`,
    [id, site_id],
  )) as [unknown, number]
  return changed === 1
}

/** Makes the site of a refunded purchase available again, if the site still belongs to it. */
export const releaseSite = async (manager: EntityManager, { id, site_id }: Purchase): Promise<void> => {
  await manager.query(
    `UPDATE sites SET status = 'available', held_by = NULL, updated_at = now() WHERE id = $2 AND held_by = $1`,
    [id, site_id],
  )
}

export type OpenPurchase = Purchase & { is_over: boolean; is_stale: boolean }

/**
 * Claims purchases about which the gateway must be reservation. They are due again in a minute. `is_over`: the checkout expired
 * more than a minute ago, because a payment that began in time may end a little later. `is_stale`: it expired three days
 * ago, because a bank transfer takes a day.
 */
export const claimOpenPurchases = async (manager: EntityManager, most: number): Promise<OpenPurchase[]> => {
  const [rows] = (await manager.query(
    `UPDATE purchases SET look_after = now() + $2 * interval '1 second'
      WHERE id IN (SELECT id FROM purchases
                    WHERE status IN ('pending', 'failed') AND issue IS NULL AND look_after <= now()
                    ORDER BY look_after LIMIT $1 FOR UPDATE SKIP LOCKED)
      RETURNING *, expires_at < now() - interval '60 seconds' AS is_over,
                expires_at < now() - interval '3 days' AS is_stale`,
    [most, checkIntervalSeconds],
  )) as [OpenPurchase[], number]
  return rows
}
