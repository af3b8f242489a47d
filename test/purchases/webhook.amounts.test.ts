import { randomBytes } from 'node:crypto'
import test, { type ExecutionContext } from 'ava'
import { reconcile } from '../../src/purchases/reconcile.ts'
import { eventOf, openShop, type Purchase, price } from './shop.ts'

// Money that came and that nothing may be given for. Somebody has to look at it, and be told so.

const shop = await openShop({ env: { METRICS_PORT: '0' } })
test.after.always(() => shop[Symbol.asyncDispose]())

const anId = () => `msg_${randomBytes(12).toString('hex')}`

const counted = async (outcome: string): Promise<number> => {
  const line = `latchkey_purchases_total{outcome="${outcome}"} `
  const found = (await shop.deps.metrics.text()).split('\n').find(each => each.startsWith(line))
  return Number(found?.slice(line.length) ?? 0)
}

const alarms = ({ id }: Purchase) =>
  shop.logs.map(line => JSON.parse(line)).filter(line => line.level === 'error' && line.purchase_id === id)

const isToldOf = async (t: ExecutionContext, purchase: Purchase, issue: string) => {
  t.is((await shop.rowOf(purchase.id)).issue, issue)
  const lines = alarms(purchase)
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
  test.serial(`${what} buys nothing, and is told of`, async t => {
    const purchase = await shop.aPurchase()
    const before = await counted('amount_mismatch')
    const id = anId()
    t.is((await shop.post(payment(purchase, change), { id })).status, 204)
    const { status, user_id: owner } = await shop.rowOf(purchase.id)
    t.deepEqual([status, owner], ['pending', null])
    t.deepEqual(await shop.siteOf(purchase.slug), { status: 'reserved', held_by: purchase.id })
    t.deepEqual(await shop.owedTo(purchase.email), [])
    t.deepEqual(await shop.outcomesOf([id]), ['amount_mismatch'])
    t.is(await counted('amount_mismatch'), before + 1)
    await isToldOf(t, purchase, 'amount_mismatch')
  })

test.serial('what was asked for, told of after all, buys the site and ends the issue', async t => {
  const purchase = await shop.aPurchase()
  await shop.tell('payment_intent.succeeded', purchase, { amount: price - 1 })
  t.is((await shop.tell('payment_intent.succeeded', purchase)).status, 204)
  t.like(await shop.rowOf(purchase.id), { status: 'paid', issue: null })
  t.is((await shop.siteOf(purchase.slug)).status, 'sold')
  t.deepEqual(await shop.owedTo(purchase.email), ['purchase_confirmation', 'welcome_guest'])
})

test.serial(
  'the price of a site that changed meanwhile is not asked of whoever is at the checkout',
  async t => {
    const purchase = await shop.aPurchase()
    const change = { price: price * 2, currency: 'USD' }
    const changed = await shop.client.patch(`/api/v1/admin/sites/${purchase.slug}`, change, {
      token: shop.admin,
    })
    t.is(changed.status, 200)
    await shop.tell('payment_intent.succeeded', purchase)
    t.like(await shop.rowOf(purchase.id), { status: 'paid', issue: null })
  },
)

test.serial('while somebody has to look at a payment its site is not let go', async t => {
  const purchase = await shop.aPurchase()
  await shop.tell('payment_intent.succeeded', purchase, { amount: 1 })
  await runOut(purchase)
  t.like(await shop.rowOf(purchase.id), { status: 'pending', issue: 'amount_mismatch' })
  t.is((await shop.siteOf(purchase.slug)).status, 'reserved')
})

test.serial('another amount that was given back ends the issue, and the site is free', async t => {
  const purchase = await shop.aPurchase()
  await shop.tell('payment_intent.succeeded', purchase, { amount: price - 1 })
  t.is((await shop.tell('refund.succeeded', purchase, { amount: price - 1 })).status, 204)
  t.like(await shop.rowOf(purchase.id), { status: 'refunded', issue: null })
  t.deepEqual(await shop.siteOf(purchase.slug), { status: 'available', held_by: null })
  t.deepEqual(await shop.owedTo(purchase.email), [])
})

test.serial('a part that is given back of what was paid is told of, and takes no site away', async t => {
  const purchase = await shop.aPurchase()
  await shop.tell('payment_intent.succeeded', purchase)
  for (const _ of [1, 2]) t.is((await shop.tell('refund.succeeded', purchase, { amount: 100 })).status, 204)
  t.like(await shop.rowOf(purchase.id), { status: 'paid', issue: 'amount_mismatch' })
  t.is((await shop.siteOf(purchase.slug)).status, 'sold')
  t.is(alarms(purchase).length, 2)
})

test.serial('a part that is given back is told of, also where that comes first', async t => {
  const purchase = await shop.aPurchase()
  for (const _ of [1, 2]) await shop.tell('refund.succeeded', purchase, { amount: 100 })
  t.is((await shop.tell('payment_intent.succeeded', purchase)).status, 204)
  t.like(await shop.rowOf(purchase.id), { status: 'paid', issue: 'amount_mismatch' })
  t.is((await shop.siteOf(purchase.slug)).status, 'sold')
  t.is(alarms(purchase).length, 1)
})

test.serial(
  'a part of a checkout that is given back before it is paid does not hinder the payment',
  async t => {
    const purchase = await shop.aPurchase()
    const part = JSON.parse(eventOf('refund.succeeded', purchase, { amount: 100 }))
    for (const _ of [1, 2])
      await shop.post(JSON.stringify({ ...part, checkout: { id: purchase.checkoutId } }))
    t.like(await shop.rowOf(purchase.id), { status: 'pending', issue: 'amount_mismatch' })
    t.is((await shop.tell('payment_intent.succeeded', purchase)).status, 204)
    t.is((await shop.rowOf(purchase.id)).status, 'paid')
    t.is((await shop.siteOf(purchase.slug)).status, 'sold')
  },
)

const runOut = async (purchase: Purchase) => {
  await shop.sql(
    `UPDATE purchases SET expires_at = now() - interval '2 minutes', look_after = now() WHERE id = $1`,
    [purchase.id],
  )
  await reconcile(shop.deps)
}

/** A purchase whose checkout ran out, and what came after it for the same site. */
const aLate = async (then?: 'reserved' | 'sold') => {
  const late = await shop.aPurchase()
  await runOut(late)
  const other = then && (await shop.aPurchase({ slug: late.slug }))
  if (then === 'sold' && other) await shop.tell('payment_intent.succeeded', other)
  return { late, other }
}

for (const then of ['reserved', 'sold'] as const)
  test.serial(`paid when the site was ${then} to another: they keep it, and somebody is told`, async t => {
    const { late, other } = await aLate(then)
    const before = await counted('site_unavailable')
    const id = anId()
    t.is((await shop.tell('payment_intent.succeeded', late, { id })).status, 204)
    t.like(await shop.rowOf(late.id), { status: 'paid', user_id: null, payment_id: `pa_${late.checkoutId}` })
    t.deepEqual(await shop.siteOf(late.slug), { status: then, held_by: other?.id ?? '' })
    t.deepEqual(await shop.owedTo(late.email), [])
    t.deepEqual(await shop.outcomesOf([id]), ['site_unavailable'])
    t.is(await counted('site_unavailable'), before + 1)
    await isToldOf(t, late, 'site_unavailable')

    t.is((await shop.tell('refund.succeeded', late)).status, 204)
    t.like(await shop.rowOf(late.id), { status: 'refunded', issue: null })
    t.deepEqual(await shop.siteOf(late.slug), { status: then, held_by: other?.id ?? '' })
    if (then === 'reserved' && other) await shop.tell('payment_intent.succeeded', other)
    t.is((await shop.siteOf(late.slug)).held_by, other?.id ?? '')
    t.is((await shop.siteOf(late.slug)).status, 'sold')
  })

test.serial("paid late while the site is nobody else's, it is theirs", async t => {
  const { late } = await aLate()
  t.is((await shop.rowOf(late.id)).status, 'expired')
  t.is((await shop.siteOf(late.slug)).status, 'available')
  await shop.tell('payment_intent.succeeded', late)
  t.like(await shop.rowOf(late.id), { status: 'paid', issue: null })
  t.deepEqual(await shop.siteOf(late.slug), { status: 'sold', held_by: late.id })
})

test.serial('of two who pay at once for a site that nobody holds, one gets it', async t => {
  const { late, other } = await aLate('reserved')
  if (!other) return t.fail()
  await runOut(other)
  const both = await Promise.all([late, other].map(each => shop.tell('payment_intent.succeeded', each)))
  t.deepEqual(
    both.map(({ status }) => status),
    [204, 204],
  )
  const rows = await Promise.all([late, other].map(({ id }) => shop.rowOf(id)))
  t.deepEqual(rows.map(({ issue }) => issue).sort(), ['site_unavailable', null].sort())
  t.is((await shop.siteOf(late.slug)).held_by, rows.find(({ issue }) => issue === null)?.id as string)
})

test.serial('a refund takes no site from whoever bought it after that', async t => {
  const first = await shop.aPurchase()
  for (const type of ['payment_intent.succeeded', 'refund.succeeded'] as const) await shop.tell(type, first)
  const second = await shop.aPurchase({ slug: first.slug })
  await shop.tell('payment_intent.succeeded', second)
  for (const type of ['refund.succeeded', 'payment_intent.succeeded', 'payment_intent.failed'] as const)
    t.is((await shop.tell(type, first)).status, 204)
  t.deepEqual(await shop.siteOf(first.slug), { status: 'sold', held_by: second.id })
  t.is((await shop.rowOf(first.id)).status, 'refunded')
})
