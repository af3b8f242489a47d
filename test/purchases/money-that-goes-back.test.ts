import test from 'ava'
import { openShop, price } from './shop.ts'

const shop = await openShop()
test.after.always(() => shop[Symbol.asyncDispose]())

const patch = (slug: string, body: object) =>
  shop.client.patch(`/api/v1/admin/sites/${slug}`, body, { token: shop.admin })

test('what was paid instead of the price is kept, and its refund, by the payment alone, ends the issue', async t => {
  const purchase = await shop.aPurchase()
  const wrong = { amount: 3_000_000_000, currency: 'USD' }
  await shop.tell('payment_intent.succeeded', purchase, wrong)
  const seen = await shop.client.get('/api/v1/admin/purchases?issue=amount_mismatch', { token: shop.admin })
  const row = seen.body.data.find((each: { id: string }) => each.id === purchase.id)
  t.like(row, { paid_amount: 3_000_000_000, paid_currency: 'USD' })
  t.is((await shop.siteOf(purchase.slug)).status, 'reserved')

  await shop.tell('refund.succeeded', purchase, { ...wrong, amount: price })
  t.like(await shop.rowOf(purchase.id), { status: 'pending', issue: 'amount_mismatch' })
  await shop.tell('refund.succeeded', purchase, wrong)
  t.like(await shop.rowOf(purchase.id), { status: 'refunded', issue: null })
  t.is((await shop.siteOf(purchase.slug)).status, 'available')
})

test('a part that is given back of what was paid instead frees no site', async t => {
  const purchase = await shop.aPurchase()
  await shop.tell('payment_intent.succeeded', purchase, { amount: price + 1000 })
  await shop.tell('refund.succeeded', purchase, { amount: 1000 })
  t.like(await shop.rowOf(purchase.id), { status: 'pending', issue: 'amount_mismatch' })
  t.is((await shop.siteOf(purchase.slug)).status, 'reserved')
})

test('whoever pays a wrong amount and then the right one has bought, and is given back what they bought by', async t => {
  const purchase = await shop.aPurchase()
  await shop.tell('payment_intent.succeeded', purchase, { amount: 1, paymentId: 'pa_wrong' })
  await shop.tell('payment_intent.succeeded', purchase, { paymentId: 'pa_right' })
  t.like(await shop.rowOf(purchase.id), { status: 'paid', issue: null, paid_amount: null })
  await shop.tell('refund.succeeded', { ...purchase, checkoutId: 'unknown' }, { paymentId: 'pa_right' })
  t.is((await shop.rowOf(purchase.id)).status, 'refunded')
})

test('a site that is called sold once more is still its buyer’s, and a refund puts it back', async t => {
  const purchase = await shop.aPurchase()
  await shop.tell('payment_intent.succeeded', purchase)
  t.is((await patch(purchase.slug, { status: 'sold', name: 'Another name' })).status, 200)
  await shop.tell('refund.succeeded', purchase)
  t.deepEqual(await shop.siteOf(purchase.slug), { status: 'available', held_by: null })
})
