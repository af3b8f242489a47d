import type { EntityManager } from 'typeorm'
import type { Purchase } from './rules.ts'

// A site and what is bought change together, in one statement: of two buyers one gets the site.

export type Reservation = Pick<
  Purchase,
  'id' | 'user_id' | 'email' | 'full_name' | 'locale' | 'idempotency_key' | 'request_hash'
> & {
  slug: string
  networks: string[]
  /** Milliseconds. */
  life: number
}

export type Reserved = Purchase & { site_name: string; image_url: string | null }

const secondsToLook = 60

/** Reserves a site that is available and begins its purchase, at the price that it has now. Null where it is not. */
export const reserveSite = async (manager: EntityManager, asked: Reservation): Promise<Reserved | null> => {
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
      ...[asked.id, asked.slug, asked.user_id, asked.email, asked.full_name, asked.locale],
      ...[asked.idempotency_key, asked.request_hash, asked.networks, asked.life, secondsToLook],
    ],
  )
  return row ?? null
}

/** Keeps where a purchase is paid. False where it was given up meanwhile. */
export const keepCheckout = async (
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
 * Ends a purchase that nobody has paid, and lets its site go. What is paid stays, and so does one that somebody has to look
 * at. One without a checkout was never answered, so its key is free again.
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

/** Sells a site by a purchase that was paid. False where it is another's. */
export const sellSite = async (manager: EntityManager, { id, site_id }: Purchase): Promise<boolean> => {
  const [, changed] = (await manager.query(
    `UPDATE sites SET status = 'sold', held_by = $1, updated_at = now()
      WHERE id = $2 AND (held_by = $1 OR status = 'available')`,
    [id, site_id],
  )) as [unknown, number]
  return changed === 1
}

/** Puts the site of a purchase that was refunded back on the market, where it is still that one's. */
export const freeSite = async (manager: EntityManager, { id, site_id }: Purchase): Promise<void> => {
  await manager.query(
    `UPDATE sites SET status = 'available', held_by = NULL, updated_at = now() WHERE id = $2 AND held_by = $1`,
    [id, site_id],
  )
}

export type OpenPurchase = Purchase & { is_over: boolean; is_stale: boolean }

/**
 * The purchases that the gateway is to be asked about; they are due again in a minute. One is over when its checkout has
 * run out, and a minute more: a payment that was begun in time may end a little later. It is stale three days later: a
 * bank transfer takes one.
 */
export const claimOpenPurchases = async (manager: EntityManager, most: number): Promise<OpenPurchase[]> => {
  const [rows] = (await manager.query(
    `UPDATE purchases SET look_after = now() + $2 * interval '1 second'
      WHERE id IN (SELECT id FROM purchases
                    WHERE status IN ('pending', 'failed') AND issue IS NULL AND look_after <= now()
                    ORDER BY look_after LIMIT $1 FOR UPDATE SKIP LOCKED)
      RETURNING *, expires_at < now() - interval '60 seconds' AS is_over,
                expires_at < now() - interval '3 days' AS is_stale`,
    [most, secondsToLook],
  )) as [OpenPurchase[], number]
  return rows
}
