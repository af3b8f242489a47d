import { randomBytes } from 'node:crypto'
import anyTest, { type ExecutionContext } from 'ava'
import { v7 as uuid } from 'uuid'
import { anAccount } from '../../fixtures.ts'
import { eventOf, openShop, type Purchase, price } from './shop.ts'

// Wrong amounts, refunds, and what a person has to look at.

const test = anyTest.serial

const shop = await openShop({ env: { METRICS_PORT: '0' } })
anyTest.after.always(() => shop[Symbol.asyncDispose]())

{
  // Money that came and that nothing may be given for. Somebody has to look at it, and be told so.

  const anId = () => `msg_${randomBytes(12).toString('hex')}`

  const counted = async (outcome: string): Promise<number> => {
    const line = `latchkey_purchases_total{outcome="${outcome}"} `
    const found = (await shop.metrics()).split('\n').find(each => each.startsWith(line))
    return Number(found?.slice(line.length) ?? 0)
  }

  const alarms = async ({ id }: Purchase) =>
    (await shop.logs())
      .map(line => JSON.parse(line))
      .filter(line => line.level === 'error' && line.purchase_id === id)

  const isToldOf = async (t: ExecutionContext, purchase: Purchase, issue: string) => {
    t.is((await shop.rowOf(purchase.id)).issue, issue)
    const lines = await alarms(purchase)
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

  const others: [string, Record<string, unknown>][] = [
    ['one cent less', { amount_in_cents: price - 1 }],
    ['one cent more', { amount_in_cents: price + 1 }],
    ['nothing', { amount_in_cents: 0 }],
    ['less than nothing', { amount_in_cents: -price }],
    ['a fraction', { amount_in_cents: 1.5 }],
    ['a text', { amount_in_cents: String(price) }],
    ['no amount', { amount_in_cents: undefined }],
    ['a list', { amount_in_cents: [price] }],
    ['an object', { amount_in_cents: { value: price } }],
    ['more than a number holds', { amount_in_cents: 1e300 }],
    ['another currency', { currency: 'USD' }],
    ['the currency in lower case', { currency: 'gtq' }],
    ['no currency', { currency: undefined }],
    ['a currency that is none', { currency: { code: 'GTQ' } }],
  ]

  for (const [what, change] of others)
    test(`${what} buys nothing, and is told of`, async t => {
      const purchase = await shop.aPurchase()
      const before = await counted('amount_mismatch')
      const id = anId()
      t.is((await shop.post(payment(purchase, change), { id })).status, 204)
      const { status, user_id: owner } = await shop.rowOf(purchase.id)
      t.deepEqual([status, owner], ['pending', null])
      t.deepEqual(await shop.siteOf(purchase.slug), { status: 'reserved', held_by: purchase.id })
      t.deepEqual(await shop.emailKindsTo(purchase.email), [])
      t.deepEqual(await shop.outcomesOf([id]), ['amount_mismatch'])
      t.is(await counted('amount_mismatch'), before + 1)
      await isToldOf(t, purchase, 'amount_mismatch')
    })

  test('what was asked for, told of after all, buys the site and ends the issue', async t => {
    const purchase = await shop.aPurchase()
    await shop.sendEvent('payment_intent.succeeded', purchase, { amount: price - 1 })
    t.is((await shop.sendEvent('payment_intent.succeeded', purchase)).status, 204)
    t.like(await shop.rowOf(purchase.id), { status: 'paid', issue: null })
    t.is((await shop.siteOf(purchase.slug)).status, 'sold')
    t.deepEqual(await shop.emailKindsTo(purchase.email), ['purchase_confirmation', 'welcome_guest'])
  })

  test('the price of a site that changed meanwhile is not asked of whoever is at the checkout', async t => {
    const purchase = await shop.aPurchase()
    const change = { price: price * 2, currency: 'USD' }
    const changed = await shop.client.patch(`/api/v1/admin/sites/${purchase.slug}`, change, {
      token: shop.admin,
    })
    t.is(changed.status, 200)
    await shop.sendEvent('payment_intent.succeeded', purchase)
    t.like(await shop.rowOf(purchase.id), { status: 'paid', issue: null })
  })

  test('while somebody has to look at a payment its site is not let go', async t => {
    const purchase = await shop.aPurchase()
    await shop.sendEvent('payment_intent.succeeded', purchase, { amount: 1 })
    await runOut(purchase)
    t.like(await shop.rowOf(purchase.id), { status: 'pending', issue: 'amount_mismatch' })
    t.is((await shop.siteOf(purchase.slug)).status, 'reserved')
  })

  test('another amount that was given back ends the issue, and the site is free', async t => {
    const purchase = await shop.aPurchase()
    await shop.sendEvent('payment_intent.succeeded', purchase, { amount: price - 1 })
    t.is((await shop.sendEvent('refund.succeeded', purchase, { amount: price - 1 })).status, 204)
    t.like(await shop.rowOf(purchase.id), { status: 'refunded', issue: null })
    t.deepEqual(await shop.siteOf(purchase.slug), { status: 'available', held_by: null })
    t.deepEqual(await shop.emailKindsTo(purchase.email), [])
  })

  test('a part that is given back of what was paid is told of, and takes no site away', async t => {
    const purchase = await shop.aPurchase()
    await shop.sendEvent('payment_intent.succeeded', purchase)
    for (const _ of [1, 2])
      t.is((await shop.sendEvent('refund.succeeded', purchase, { amount: 100 })).status, 204)
    t.like(await shop.rowOf(purchase.id), { status: 'paid', issue: 'amount_mismatch' })
    t.is((await shop.siteOf(purchase.slug)).status, 'sold')
    t.is((await alarms(purchase)).length, 2)
  })

  test('a part that is given back is told of, also where that comes first', async t => {
    const purchase = await shop.aPurchase()
    for (const _ of [1, 2]) await shop.sendEvent('refund.succeeded', purchase, { amount: 100 })
    t.is((await shop.sendEvent('payment_intent.succeeded', purchase)).status, 204)
    t.like(await shop.rowOf(purchase.id), { status: 'paid', issue: 'amount_mismatch' })
    t.is((await shop.siteOf(purchase.slug)).status, 'sold')
    t.is((await alarms(purchase)).length, 1)
  })

  test('a part of a checkout that is given back before it is paid does not hinder the payment', async t => {
    const purchase = await shop.aPurchase()
    const part = JSON.parse(eventOf('refund.succeeded', purchase, { amount: 100 }))
    for (const _ of [1, 2])
      await shop.post(JSON.stringify({ ...part, checkout: { id: purchase.checkoutId } }))
    t.like(await shop.rowOf(purchase.id), { status: 'pending', issue: 'amount_mismatch' })
    t.is((await shop.sendEvent('payment_intent.succeeded', purchase)).status, 204)
    t.is((await shop.rowOf(purchase.id)).status, 'paid')
    t.is((await shop.siteOf(purchase.slug)).status, 'sold')
  })

  const runOut = async (purchase: Purchase) => {
    await shop.sql(
      `UPDATE purchases SET expires_at = now() - interval '2 minutes', look_after = now() WHERE id = $1`,
      [purchase.id],
    )
    await shop.run('reconcile')
  }

  /** A purchase whose checkout ran out, and what came after it for the same site. */
  const aLate = async (then?: 'reserved' | 'sold') => {
    const late = await shop.aPurchase()
    await runOut(late)
    const other = then && (await shop.aPurchase({ slug: late.slug }))
    if (then === 'sold' && other) await shop.sendEvent('payment_intent.succeeded', other)
    return { late, other }
  }

  for (const then of ['reserved', 'sold'] as const)
    test(`paid when the site was ${then} to another: they keep it, and somebody is told`, async t => {
      const { late, other } = await aLate(then)
      const before = await counted('site_unavailable')
      const id = anId()
      t.is((await shop.sendEvent('payment_intent.succeeded', late, { id })).status, 204)
      t.like(await shop.rowOf(late.id), {
        status: 'paid',
        user_id: null,
        payment_id: `pa_${late.checkoutId}`,
      })
      t.deepEqual(await shop.siteOf(late.slug), { status: then, held_by: other?.id ?? '' })
      t.deepEqual(await shop.emailKindsTo(late.email), [])
      t.deepEqual(await shop.outcomesOf([id]), ['site_unavailable'])
      t.is(await counted('site_unavailable'), before + 1)
      await isToldOf(t, late, 'site_unavailable')

      t.is((await shop.sendEvent('refund.succeeded', late)).status, 204)
      t.like(await shop.rowOf(late.id), { status: 'refunded', issue: null })
      t.deepEqual(await shop.siteOf(late.slug), { status: then, held_by: other?.id ?? '' })
      if (then === 'reserved' && other) await shop.sendEvent('payment_intent.succeeded', other)
      t.is((await shop.siteOf(late.slug)).held_by, other?.id ?? '')
      t.is((await shop.siteOf(late.slug)).status, 'sold')
    })

  test("paid late while the site is nobody else's, it is theirs", async t => {
    const { late } = await aLate()
    t.is((await shop.rowOf(late.id)).status, 'expired')
    t.is((await shop.siteOf(late.slug)).status, 'available')
    await shop.sendEvent('payment_intent.succeeded', late)
    t.like(await shop.rowOf(late.id), { status: 'paid', issue: null })
    t.deepEqual(await shop.siteOf(late.slug), { status: 'sold', held_by: late.id })
  })

  test('of two who pay at once for a site that nobody holds, one gets it', async t => {
    const { late, other } = await aLate('reserved')
    if (!other) return t.fail()
    await runOut(other)
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

  test('a refund takes no site from whoever bought it after that', async t => {
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

  test('what was paid instead of the price is kept, and its refund, by the payment alone, ends the issue', async t => {
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

  test('a part that is given back of what was paid instead frees no site', async t => {
    const purchase = await shop.aPurchase()
    await shop.sendEvent('payment_intent.succeeded', purchase, { amount: price + 1000 })
    await shop.sendEvent('refund.succeeded', purchase, { amount: 1000 })
    t.like(await shop.rowOf(purchase.id), { status: 'pending', issue: 'amount_mismatch' })
    t.is((await shop.siteOf(purchase.slug)).status, 'reserved')
  })

  test('whoever pays a wrong amount and then the right one has bought, and is given back what they bought by', async t => {
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

  test('a site that is called sold once more is still its buyer’s, and a refund puts it back', async t => {
    const purchase = await shop.aPurchase()
    await shop.sendEvent('payment_intent.succeeded', purchase)
    t.is((await patch(purchase.slug, { status: 'sold', name: 'Another name' })).status, 200)
    await shop.sendEvent('refund.succeeded', purchase)
    t.deepEqual(await shop.siteOf(purchase.slug), { status: 'available', held_by: null })
  })
}

{
  const free = { status: 'available', held_by: null }

  test('where another amount was paid, its refund ends the issue and lets the site go', async t => {
    const purchase = await shop.aPurchase()
    t.is((await shop.sendEvent('payment_intent.succeeded', purchase, { amount: 12_400 })).status, 204)
    t.like(await shop.rowOf(purchase.id), { status: 'pending', issue: 'amount_mismatch' })
    t.is((await shop.siteOf(purchase.slug)).status, 'reserved')

    t.is((await shop.sendEvent('refund.succeeded', purchase, { amount: 12_400 })).status, 204)
    t.like(await shop.rowOf(purchase.id), { status: 'refunded', issue: null, paid_at: null })
    t.deepEqual(await shop.siteOf(purchase.slug), free)
    t.is((await shop.sendEvent('payment_intent.succeeded', purchase)).status, 204)
    t.is((await shop.rowOf(purchase.id)).status, 'refunded', 'it is over')
  })

  test('so it is where the gateway said of it when it was asked', async t => {
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

  test('what was sold is not free again by a part of its price', async t => {
    const purchase = await shop.aPurchase()
    await shop.sendEvent('payment_intent.succeeded', purchase)
    for (const amount of [5000, 7500]) {
      t.is((await shop.sendEvent('refund.succeeded', purchase, { amount })).status, 204)
      t.like(await shop.rowOf(purchase.id), { status: 'paid', issue: 'amount_mismatch' })
      t.deepEqual(await shop.siteOf(purchase.slug), { status: 'sold', held_by: purchase.id })
    }
  })

  test('what was paid for a site that was another’s is paid back, and the other keeps it', async t => {
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
  const record = (id: string, token = shop.admin) =>
    shop.client.post(`/api/v1/admin/purchases/${id}/refunded`, undefined, { token })

  const eventsOf = (type = 'purchase.refunded') =>
    shop.sql<{ user_id: string; actor_id: string }>(
      'SELECT user_id, actor_id FROM audit_events WHERE type = $1 AND actor_id IS NOT NULL',
      [type],
    )

  test('what an administrator gave back is refunded, its site for sale again, and who said so is kept', async t => {
    const purchase = await shop.aPurchase()
    await shop.sendEvent('payment_intent.succeeded', purchase)
    t.is((await record(purchase.id)).status, 204)
    const row = await shop.rowOf(purchase.id)
    t.like(row, { status: 'refunded', issue: null })
    t.truthy(row.refunded_at)
    t.deepEqual(await shop.siteOf(purchase.slug), { status: 'available', held_by: null })
    const [event, ...more] = await eventsOf()
    t.is(event?.user_id, row.user_id as string)
    t.truthy(event?.actor_id)
    t.deepEqual(more, [])
    t.is((await record(purchase.id)).status, 204, 'once more changes nothing')
    t.is((await shop.sendEvent('refund.succeeded', purchase)).status, 204)
    t.is((await eventsOf()).length, 1)
  })

  test('an amount that nobody asked for, given back in parts, is ended by hand', async t => {
    const purchase = await shop.aPurchase()
    await shop.sendEvent('payment_intent.succeeded', purchase, { amount: 2 })
    for (const _ of [1, 2]) await shop.sendEvent('refund.succeeded', purchase, { amount: 1 })
    t.is((await shop.rowOf(purchase.id)).issue, 'amount_mismatch')
    t.is((await record(purchase.id)).status, 204)
    t.like(await shop.rowOf(purchase.id), { status: 'refunded', issue: null })
    t.is((await shop.siteOf(purchase.slug)).status, 'available')
  })

  test('what nobody paid is not given back, and nobody but an administrator says so', async t => {
    const purchase = await shop.aPurchase()
    const unpaid = await record(purchase.id)
    t.like(unpaid.body, {
      code: 'FORBIDDEN',
      detail: 'The purchase was never paid, so it cannot be refunded.',
    })
    t.is((await record(uuid())).body.code, 'NOT_FOUND')
    await shop.sendEvent('payment_intent.succeeded', purchase)
    t.is((await record(purchase.id, (await anAccount(shop.client)).access)).status, 403)
    t.like(await shop.rowOf(purchase.id), { status: 'paid' })
    t.is((await shop.siteOf(purchase.slug)).status, 'sold')
  })
}

{
  // What sells nothing wrong, and yet nobody would notice.

  const alarms = async ({ id }: Purchase) =>
    (await shop.logs())
      .map(line => JSON.parse(line))
      .filter(({ level, purchase_id }) => level === 'error' && purchase_id === id)
      .map(({ outcome }) => outcome)

  test('a second payment of what is paid is told of, the same one twice is not', async t => {
    const purchase = await shop.aPurchase()
    for (const paymentId of ['pa_first', 'pa_first', 'pa_second'])
      t.is((await shop.sendEvent('payment_intent.succeeded', purchase, { paymentId })).status, 204)
    t.deepEqual(await alarms(purchase), ['paid_twice'])
    t.like(await shop.rowOf(purchase.id), { status: 'paid', issue: null, payment_id: 'pa_first' })
  })

  test('a payment after the refund of another one is told of, one that is told of late is not', async t => {
    const purchase = await shop.aPurchase()
    await shop.sendEvent('payment_intent.succeeded', purchase, { paymentId: 'pa_one' })
    await shop.sendEvent('refund.succeeded', purchase, { paymentId: 'pa_one' })
    await shop.sendEvent('payment_intent.succeeded', purchase, { paymentId: 'pa_one' })
    t.deepEqual(await alarms(purchase), [])
    await shop.sendEvent('payment_intent.succeeded', purchase, { paymentId: 'pa_two' })
    t.deepEqual(await alarms(purchase), ['paid_twice'])
    t.is((await shop.siteOf(purchase.slug)).status, 'available')
  })

  test('a purchase for an account that nobody can enter is told of, and is theirs', async t => {
    const { email, userId } = await anAccount(shop.client)
    await shop.sql('UPDATE users SET is_active = false, password_proven_at = now() WHERE id = $1', [userId])
    const purchase = await shop.aPurchase({ email })
    await shop.sendEvent('payment_intent.succeeded', purchase)
    t.deepEqual(await alarms(purchase), ['account_closed'])
    t.like(await shop.rowOf(purchase.id), { status: 'paid', user_id: userId })
  })
}
