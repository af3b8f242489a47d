import { randomBytes } from 'node:crypto'
import anyTest, { type ExecutionContext } from 'ava'
import { v7 as uuid } from 'uuid'
import { anAccount } from '../../fixtures.ts'
import { eventOf, openShop, type Purchase, price } from './shop.ts'

// Wrong amounts, refunds, and issues that an administrator must resolve.

const test = anyTest.serial

const shop = await openShop({ env: { METRICS_PORT: '0' } })
anyTest.after.always(() => shop[Symbol.asyncDispose]())

{
  // Payments that must not buy anything. An administrator must resolve them, so they are logged, counted and listed.

  const anId = () => `msg_${randomBytes(12).toString('hex')}`

  const countOutcome = async (outcome: string): Promise<number> => {
    const line = `latchkey_purchases_total{outcome="${outcome}"} `
    const found = (await shop.metrics()).split('\n').find(each => each.startsWith(line))
    return Number(found?.slice(line.length) ?? 0)
  }

  const errorLogsOf = async ({ id }: Purchase) =>
    (await shop.logs())
      .map(line => JSON.parse(line))
      .filter(line => line.level === 'error' && line.purchase_id === id)

  const assertReported = async (t: ExecutionContext, purchase: Purchase, issue: string) => {
    t.is((await shop.rowOf(purchase.id)).issue, issue)
    const lines = await errorLogsOf(purchase)
    t.is(lines.length, 1)
    t.like(lines[0], { outcome: issue, event_type: 'payment_intent.succeeded' })
    t.notRegex(JSON.stringify(lines), /@|Ada|Lovelace/)
    const listed = await shop.client.get(`/api/v1/admin/purchases?issue=${issue}&limit=100`, {
      token: shop.admin,
    })
    t.true(listed.body.data.some(({ id }: { id: string }) => id === purchase.id))
  }

  const payment = (purchase: Purchase, change: Record<string, unknown>): string =>
    JSON.stringify({ ...JSON.parse(eventOf('payment_intent.succeeded', purchase)), ...change })

  const wrongPayments: [string, Record<string, unknown>][] = [
    ['one cent too little', { amount_in_cents: price - 1 }],
    ['one cent too much', { amount_in_cents: price + 1 }],
    ['an amount of zero', { amount_in_cents: 0 }],
    ['a negative amount', { amount_in_cents: -price }],
    ['a fractional amount', { amount_in_cents: 1.5 }],
    ['an amount as text', { amount_in_cents: String(price) }],
    ['no amount', { amount_in_cents: undefined }],
    ['an amount as array', { amount_in_cents: [price] }],
    ['an amount as object', { amount_in_cents: { value: price } }],
    ['an amount beyond the safe integers', { amount_in_cents: 1e300 }],
    ['another currency', { currency: 'USD' }],
    ['the currency in lower case', { currency: 'gtq' }],
    ['no currency', { currency: undefined }],
    ['a currency as object', { currency: { code: 'GTQ' } }],
  ]

  for (const [what, change] of wrongPayments)
    test(`payment with ${what} → nothing is sold, and an issue is reported`, async t => {
      const purchase = await shop.aPurchase()
      const before = await countOutcome('amount_mismatch')
      const id = anId()
      t.is((await shop.post(payment(purchase, change), { id })).status, 204)
      const { status, user_id: owner } = await shop.rowOf(purchase.id)
      t.deepEqual([status, owner], ['pending', null])
      t.deepEqual(await shop.siteOf(purchase.slug), { status: 'reserved', held_by: purchase.id })
      t.deepEqual(await shop.emailKindsTo(purchase.email), [])
      t.deepEqual(await shop.outcomesOf([id]), ['amount_mismatch'])
      t.is(await countOutcome('amount_mismatch'), before + 1)
      await assertReported(t, purchase, 'amount_mismatch')
    })

  test('right payment after a wrong one → the site is sold and the issue is cleared', async t => {
    const purchase = await shop.aPurchase()
    await shop.sendEvent('payment_intent.succeeded', purchase, { amount: price - 1 })
    t.is((await shop.sendEvent('payment_intent.succeeded', purchase)).status, 204)
    t.like(await shop.rowOf(purchase.id), { status: 'paid', issue: null })
    t.is((await shop.siteOf(purchase.slug)).status, 'sold')
    t.deepEqual(await shop.emailKindsTo(purchase.email), ['purchase_confirmation', 'welcome_guest'])
  })

  test('price changes during a checkout → the buyer pays the price of the checkout', async t => {
    const purchase = await shop.aPurchase()
    const change = { price: price * 2, currency: 'USD' }
    const changed = await shop.client.patch(`/api/v1/admin/sites/${purchase.slug}`, change, {
      token: shop.admin,
    })
    t.is(changed.status, 200)
    await shop.sendEvent('payment_intent.succeeded', purchase)
    t.like(await shop.rowOf(purchase.id), { status: 'paid', issue: null })
  })

  test('purchase with an open issue expires → the site stays reserved', async t => {
    const purchase = await shop.aPurchase()
    await shop.sendEvent('payment_intent.succeeded', purchase, { amount: 1 })
    await expire(purchase)
    t.like(await shop.rowOf(purchase.id), { status: 'pending', issue: 'amount_mismatch' })
    t.is((await shop.siteOf(purchase.slug)).status, 'reserved')
  })

  test('refund of a wrong amount → the issue is cleared and the site is available', async t => {
    const purchase = await shop.aPurchase()
    await shop.sendEvent('payment_intent.succeeded', purchase, { amount: price - 1 })
    t.is((await shop.sendEvent('refund.succeeded', purchase, { amount: price - 1 })).status, 204)
    t.like(await shop.rowOf(purchase.id), { status: 'refunded', issue: null })
    t.deepEqual(await shop.siteOf(purchase.slug), { status: 'available', held_by: null })
    t.deepEqual(await shop.emailKindsTo(purchase.email), [])
  })

  test('partial refunds of a sold site → reported, and the site stays sold', async t => {
    const purchase = await shop.aPurchase()
    await shop.sendEvent('payment_intent.succeeded', purchase)
    for (const _ of [1, 2])
      t.is((await shop.sendEvent('refund.succeeded', purchase, { amount: 100 })).status, 204)
    t.like(await shop.rowOf(purchase.id), { status: 'paid', issue: 'amount_mismatch' })
    t.is((await shop.siteOf(purchase.slug)).status, 'sold')
    t.is((await errorLogsOf(purchase)).length, 2)
  })

  test('partial refunds before the payment event → reported, and the site is sold', async t => {
    const purchase = await shop.aPurchase()
    for (const _ of [1, 2]) await shop.sendEvent('refund.succeeded', purchase, { amount: 100 })
    t.is((await shop.sendEvent('payment_intent.succeeded', purchase)).status, 204)
    t.like(await shop.rowOf(purchase.id), { status: 'paid', issue: 'amount_mismatch' })
    t.is((await shop.siteOf(purchase.slug)).status, 'sold')
    t.is((await errorLogsOf(purchase)).length, 1)
  })

  test('partial refunds that name the checkout before the payment → the payment still sells the site', async t => {
    const purchase = await shop.aPurchase()
    const part = JSON.parse(eventOf('refund.succeeded', purchase, { amount: 100 }))
    for (const _ of [1, 2])
      await shop.post(JSON.stringify({ ...part, checkout: { id: purchase.checkoutId } }))
    t.like(await shop.rowOf(purchase.id), { status: 'pending', issue: 'amount_mismatch' })
    t.is((await shop.sendEvent('payment_intent.succeeded', purchase)).status, 204)
    t.is((await shop.rowOf(purchase.id)).status, 'paid')
    t.is((await shop.siteOf(purchase.slug)).status, 'sold')
  })

  const expire = async (purchase: Purchase) => {
    await shop.sql(
      `UPDATE purchases SET expires_at = now() - interval '2 minutes', look_after = now() WHERE id = $1`,
      [purchase.id],
    )
    await shop.run('reconcile')
  }

  /** An expired purchase, and optionally a later purchase of the same site. */
  const expiredPurchase = async (siteStatus?: 'reserved' | 'sold') => {
    const late = await shop.aPurchase()
    await expire(late)
    const other = siteStatus && (await shop.aPurchase({ slug: late.slug }))
    if (siteStatus === 'sold' && other) await shop.sendEvent('payment_intent.succeeded', other)
    return { late, other }
  }

  for (const siteStatus of ['reserved', 'sold'] as const)
    test(`late payment for a site now ${siteStatus} to another buyer → reported, and that buyer keeps it`, async t => {
      const { late, other } = await expiredPurchase(siteStatus)
      const before = await countOutcome('site_unavailable')
      const id = anId()
      t.is((await shop.sendEvent('payment_intent.succeeded', late, { id })).status, 204)
      t.like(await shop.rowOf(late.id), {
        status: 'paid',
        user_id: null,
        payment_id: `pa_${late.checkoutId}`,
      })
      t.deepEqual(await shop.siteOf(late.slug), { status: siteStatus, held_by: other?.id ?? '' })
      t.deepEqual(await shop.emailKindsTo(late.email), [])
      t.deepEqual(await shop.outcomesOf([id]), ['site_unavailable'])
      t.is(await countOutcome('site_unavailable'), before + 1)
      await assertReported(t, late, 'site_unavailable')

      t.is((await shop.sendEvent('refund.succeeded', late)).status, 204)
      t.like(await shop.rowOf(late.id), { status: 'refunded', issue: null })
      t.deepEqual(await shop.siteOf(late.slug), { status: siteStatus, held_by: other?.id ?? '' })
      if (siteStatus === 'reserved' && other) await shop.sendEvent('payment_intent.succeeded', other)
      t.is((await shop.siteOf(late.slug)).held_by, other?.id ?? '')
      t.is((await shop.siteOf(late.slug)).status, 'sold')
    })

  test('late payment while the site is available → the site is sold', async t => {
    const { late } = await expiredPurchase()
    t.is((await shop.rowOf(late.id)).status, 'expired')
    t.is((await shop.siteOf(late.slug)).status, 'available')
    await shop.sendEvent('payment_intent.succeeded', late)
    t.like(await shop.rowOf(late.id), { status: 'paid', issue: null })
    t.deepEqual(await shop.siteOf(late.slug), { status: 'sold', held_by: late.id })
  })

  test('two late payments at the same time for one site → one gets it, the other is reported', async t => {
    const { late, other } = await expiredPurchase('reserved')
    if (!other) return t.fail()
    await expire(other)
    const both = await Promise.all(
      [late, other].map(each => shop.sendEvent('payment_intent.succeeded', each)),
    )
    t.deepEqual(
      both.map(({ status }) => status),
      [204, 204],
    )
    const rows = await Promise.all([late, other].map(({ id }) => shop.rowOf(id)))
    t.deepEqual(rows.map(({ issue }) => issue).sort(), ['site_unavailable', null].sort())
    t.is((await shop.siteOf(late.slug)).held_by, rows.find(({ issue }) => issue === null)?.id as string)
  })

  test('refund of an earlier buyer → the later buyer keeps the site', async t => {
    const first = await shop.aPurchase()
    for (const type of ['payment_intent.succeeded', 'refund.succeeded'] as const)
      await shop.sendEvent(type, first)
    const second = await shop.aPurchase({ slug: first.slug })
    await shop.sendEvent('payment_intent.succeeded', second)
    for (const type of ['refund.succeeded', 'payment_intent.succeeded', 'payment_intent.failed'] as const)
      t.is((await shop.sendEvent(type, first)).status, 204)
    t.deepEqual(await shop.siteOf(first.slug), { status: 'sold', held_by: second.id })
    t.is((await shop.rowOf(first.id)).status, 'refunded')
  })
}

{
  const patch = (slug: string, body: object) =>
    shop.client.patch(`/api/v1/admin/sites/${slug}`, body, { token: shop.admin })

  test('wrong amount → stored; only a refund of that amount clears the issue', async t => {
    const purchase = await shop.aPurchase()
    const wrong = { amount: 3_000_000_000, currency: 'USD' }
    await shop.sendEvent('payment_intent.succeeded', purchase, wrong)
    const seen = await shop.client.get('/api/v1/admin/purchases?issue=amount_mismatch', { token: shop.admin })
    const row = seen.body.data.find((each: { id: string }) => each.id === purchase.id)
    t.like(row, { paid_amount: 3_000_000_000, paid_currency: 'USD' })
    t.is((await shop.siteOf(purchase.slug)).status, 'reserved')

    await shop.sendEvent('refund.succeeded', purchase, { ...wrong, amount: price })
    t.like(await shop.rowOf(purchase.id), { status: 'pending', issue: 'amount_mismatch' })
    await shop.sendEvent('refund.succeeded', purchase, wrong)
    t.like(await shop.rowOf(purchase.id), { status: 'refunded', issue: null })
    t.is((await shop.siteOf(purchase.slug)).status, 'available')
  })

  test('partial refund of a wrong amount → the site stays reserved', async t => {
    const purchase = await shop.aPurchase()
    await shop.sendEvent('payment_intent.succeeded', purchase, { amount: price + 1000 })
    await shop.sendEvent('refund.succeeded', purchase, { amount: 1000 })
    t.like(await shop.rowOf(purchase.id), { status: 'pending', issue: 'amount_mismatch' })
    t.is((await shop.siteOf(purchase.slug)).status, 'reserved')
  })

  test('wrong payment followed by the right one → sold, and a refund of the right one applies', async t => {
    const purchase = await shop.aPurchase()
    await shop.sendEvent('payment_intent.succeeded', purchase, { amount: 1, paymentId: 'pa_wrong' })
    await shop.sendEvent('payment_intent.succeeded', purchase, { paymentId: 'pa_right' })
    t.like(await shop.rowOf(purchase.id), { status: 'paid', issue: null, paid_amount: null })
    await shop.sendEvent(
      'refund.succeeded',
      { ...purchase, checkoutId: 'unknown' },
      { paymentId: 'pa_right' },
    )
    t.is((await shop.rowOf(purchase.id)).status, 'refunded')
  })

  test('administrator marks a sold site as sold again → a refund still makes it available', async t => {
    const purchase = await shop.aPurchase()
    await shop.sendEvent('payment_intent.succeeded', purchase)
    t.is((await patch(purchase.slug, { status: 'sold', name: 'Another name' })).status, 200)
    await shop.sendEvent('refund.succeeded', purchase)
    t.deepEqual(await shop.siteOf(purchase.slug), { status: 'available', held_by: null })
  })
}

{
  const free = { status: 'available', held_by: null }

  test('refund of a wrong amount → later payment events do not reopen the purchase', async t => {
    const purchase = await shop.aPurchase()
    t.is((await shop.sendEvent('payment_intent.succeeded', purchase, { amount: 12_400 })).status, 204)
    t.like(await shop.rowOf(purchase.id), { status: 'pending', issue: 'amount_mismatch' })
    t.is((await shop.siteOf(purchase.slug)).status, 'reserved')

    t.is((await shop.sendEvent('refund.succeeded', purchase, { amount: 12_400 })).status, 204)
    t.like(await shop.rowOf(purchase.id), { status: 'refunded', issue: null, paid_at: null })
    t.deepEqual(await shop.siteOf(purchase.slug), free)
    t.is((await shop.sendEvent('payment_intent.succeeded', purchase)).status, 204)
    t.is((await shop.rowOf(purchase.id)).status, 'refunded', 'the purchase is closed')
  })

  test('wrong currency found by reconcile → its refund clears the issue and releases the site', async t => {
    const purchase = await shop.aPurchase()
    const checkout = shop.gateway.checkouts.get(purchase.checkoutId)
    if (!checkout) throw new Error('no such checkout')
    checkout.status = 'paid'
    checkout.items = [{ name: 'Corner bakery', currency: 'USD', amount_in_cents: 12_500, quantity: 1 }]
    await shop.sql('UPDATE purchases SET look_after = now() WHERE id = $1', [purchase.id])
    await shop.run('reconcile')
    t.is((await shop.rowOf(purchase.id)).issue, 'amount_mismatch')
    const { paymentId } = checkout
    t.is((await shop.sendEvent('refund.succeeded', purchase, { paymentId, currency: 'USD' })).status, 204)
    t.like(await shop.rowOf(purchase.id), { status: 'refunded', issue: null })
    t.deepEqual(await shop.siteOf(purchase.slug), free)
  })

  test('partial refunds that add up to the price → the site stays sold, with an issue', async t => {
    const purchase = await shop.aPurchase()
    await shop.sendEvent('payment_intent.succeeded', purchase)
    for (const amount of [5000, 7500]) {
      t.is((await shop.sendEvent('refund.succeeded', purchase, { amount })).status, 204)
      t.like(await shop.rowOf(purchase.id), { status: 'paid', issue: 'amount_mismatch' })
      t.deepEqual(await shop.siteOf(purchase.slug), { status: 'sold', held_by: purchase.id })
    }
  })

  test('late payment for the site of another buyer is refunded → that buyer keeps the site', async t => {
    const late = await shop.aPurchase()
    await shop.sql("UPDATE purchases SET status = 'expired' WHERE id = $1", [late.id])
    await shop.sql("UPDATE sites SET status = 'available', held_by = NULL WHERE slug = $1", [late.slug])
    const other = await shop.aPurchase({ slug: late.slug })
    await shop.sendEvent('payment_intent.succeeded', late)
    t.is((await shop.rowOf(late.id)).issue, 'site_unavailable')
    await shop.sendEvent('refund.succeeded', late)
    t.like(await shop.rowOf(late.id), { status: 'refunded', issue: null })
    t.deepEqual(await shop.siteOf(late.slug), { status: 'reserved', held_by: other.id })
  })
}

{
  const recordRefund = (id: string, token = shop.admin) =>
    shop.client.post(`/api/v1/admin/purchases/${id}/refunded`, undefined, { token })

  const eventsOf = (type = 'purchase.refunded') =>
    shop.sql<{ user_id: string; actor_id: string }>(
      'SELECT user_id, actor_id FROM audit_events WHERE type = $1 AND actor_id IS NOT NULL',
      [type],
    )

  test('administrator records a refund → purchase refunded, site available, actor audited', async t => {
    const purchase = await shop.aPurchase()
    await shop.sendEvent('payment_intent.succeeded', purchase)
    t.is((await recordRefund(purchase.id)).status, 204)
    const row = await shop.rowOf(purchase.id)
    t.like(row, { status: 'refunded', issue: null })
    t.truthy(row.refunded_at)
    t.deepEqual(await shop.siteOf(purchase.slug), { status: 'available', held_by: null })
    const [event, ...more] = await eventsOf()
    t.is(event?.user_id, row.user_id as string)
    t.truthy(event?.actor_id)
    t.deepEqual(more, [])
    t.is((await recordRefund(purchase.id)).status, 204, 'recording it again changes nothing')
    t.is((await shop.sendEvent('refund.succeeded', purchase)).status, 204)
    t.is((await eventsOf()).length, 1)
  })

  test('wrong amount refunded in parts → cleared when an administrator records the refund', async t => {
    const purchase = await shop.aPurchase()
    await shop.sendEvent('payment_intent.succeeded', purchase, { amount: 2 })
    for (const _ of [1, 2]) await shop.sendEvent('refund.succeeded', purchase, { amount: 1 })
    t.is((await shop.rowOf(purchase.id)).issue, 'amount_mismatch')
    t.is((await recordRefund(purchase.id)).status, 204)
    t.like(await shop.rowOf(purchase.id), { status: 'refunded', issue: null })
    t.is((await shop.siteOf(purchase.slug)).status, 'available')
  })

  test('recording a refund of an unpaid purchase, or as a user → 403, nothing changes', async t => {
    const purchase = await shop.aPurchase()
    const unpaid = await recordRefund(purchase.id)
    t.like(unpaid.body, {
      code: 'FORBIDDEN',
      detail: 'The purchase was never paid, so it cannot be refunded.',
    })
    t.is((await recordRefund(uuid())).body.code, 'NOT_FOUND')
    await shop.sendEvent('payment_intent.succeeded', purchase)
    t.is((await recordRefund(purchase.id, (await anAccount(shop.client)).access)).status, 403)
    t.like(await shop.rowOf(purchase.id), { status: 'paid' })
    t.is((await shop.siteOf(purchase.slug)).status, 'sold')
  })
}

{
  // Payments that sell nothing wrong, but that would go unnoticed without an error in the log.

  const errorLogsOf = async ({ id }: Purchase) =>
    (await shop.logs())
      .map(line => JSON.parse(line))
      .filter(({ level, purchase_id }) => level === 'error' && purchase_id === id)
      .map(({ outcome }) => outcome)

  test('second payment of a paid purchase → logged as paid_twice; a repeated event is not', async t => {
    const purchase = await shop.aPurchase()
    for (const paymentId of ['pa_first', 'pa_first', 'pa_second'])
      t.is((await shop.sendEvent('payment_intent.succeeded', purchase, { paymentId })).status, 204)
    t.deepEqual(await errorLogsOf(purchase), ['paid_twice'])
    t.like(await shop.rowOf(purchase.id), { status: 'paid', issue: null, payment_id: 'pa_first' })
  })

  test('new payment after a refund → logged as paid_twice; a late event of the old one is not', async t => {
    const purchase = await shop.aPurchase()
    await shop.sendEvent('payment_intent.succeeded', purchase, { paymentId: 'pa_one' })
    await shop.sendEvent('refund.succeeded', purchase, { paymentId: 'pa_one' })
    await shop.sendEvent('payment_intent.succeeded', purchase, { paymentId: 'pa_one' })
    t.deepEqual(await errorLogsOf(purchase), [])
    await shop.sendEvent('payment_intent.succeeded', purchase, { paymentId: 'pa_two' })
    t.deepEqual(await errorLogsOf(purchase), ['paid_twice'])
    t.is((await shop.siteOf(purchase.slug)).status, 'available')
  })

  test('purchase for a deactivated account → logged as account_closed, and the account owns it', async t => {
    const { email, userId } = await anAccount(shop.client)
    await shop.sql('UPDATE users SET is_active = false, password_proven_at = now() WHERE id = $1', [userId])
    const purchase = await shop.aPurchase({ email })
    await shop.sendEvent('payment_intent.succeeded', purchase)
    t.deepEqual(await errorLogsOf(purchase), ['account_closed'])
    t.like(await shop.rowOf(purchase.id), { status: 'paid', user_id: userId })
  })
}
