import test from 'ava'
import { reconcile } from '../../src/purchases/reconcile.ts'
import { openShop } from './shop.ts'

const shop = await openShop()
test.after.always(() => shop[Symbol.asyncDispose]())

const free = { status: 'available', held_by: null }

test('where another amount was paid, its refund ends the issue and lets the site go', async t => {
  const purchase = await shop.aPurchase()
  t.is((await shop.tell('payment_intent.succeeded', purchase, { amount: 12_400 })).status, 204)
  t.like(await shop.rowOf(purchase.id), { status: 'pending', issue: 'amount_mismatch' })
  t.is((await shop.siteOf(purchase.slug)).status, 'reserved')

  t.is((await shop.tell('refund.succeeded', purchase, { amount: 12_400 })).status, 204)
  t.like(await shop.rowOf(purchase.id), { status: 'refunded', issue: null, paid_at: null })
  t.deepEqual(await shop.siteOf(purchase.slug), free)
  t.is((await shop.tell('payment_intent.succeeded', purchase)).status, 204)
  t.is((await shop.rowOf(purchase.id)).status, 'refunded', 'it is over')
})

test('so it is where the gateway said of it when it was asked', async t => {
  const purchase = await shop.aPurchase()
  const checkout = shop.gateway.checkouts.get(purchase.checkoutId)
  if (!checkout) throw new Error('no such checkout')
  checkout.status = 'paid'
  checkout.items = [{ name: 'Corner bakery', currency: 'USD', amount_in_cents: 12_500, quantity: 1 }]
  await shop.sql('UPDATE purchases SET look_after = now() WHERE id = $1', [purchase.id])
  await reconcile(shop.deps)
  t.is((await shop.rowOf(purchase.id)).issue, 'amount_mismatch')
  const { paymentId } = checkout
  t.is((await shop.tell('refund.succeeded', purchase, { paymentId, currency: 'USD' })).status, 204)
  t.like(await shop.rowOf(purchase.id), { status: 'refunded', issue: null })
  t.deepEqual(await shop.siteOf(purchase.slug), free)
})

test('what was sold is not free again by a part of its price', async t => {
  const purchase = await shop.aPurchase()
  await shop.tell('payment_intent.succeeded', purchase)
  for (const amount of [5000, 7500]) {
    t.is((await shop.tell('refund.succeeded', purchase, { amount })).status, 204)
    t.like(await shop.rowOf(purchase.id), { status: 'paid', issue: 'amount_mismatch' })
    t.deepEqual(await shop.siteOf(purchase.slug), { status: 'sold', held_by: purchase.id })
  }
})

test('what was paid for a site that was another’s is paid back, and the other keeps it', async t => {
  const late = await shop.aPurchase()
  await shop.sql("UPDATE purchases SET status = 'expired' WHERE id = $1", [late.id])
  await shop.sql("UPDATE sites SET status = 'available', held_by = NULL WHERE slug = $1", [late.slug])
  const other = await shop.aPurchase({ slug: late.slug })
  await shop.tell('payment_intent.succeeded', late)
  t.is((await shop.rowOf(late.id)).issue, 'site_unavailable')
  await shop.tell('refund.succeeded', late)
  t.like(await shop.rowOf(late.id), { status: 'refunded', issue: null })
  t.deepEqual(await shop.siteOf(late.slug), { status: 'reserved', held_by: other.id })
})
