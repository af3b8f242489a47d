import test from 'ava'
import fc from 'fast-check'
import { until } from '../world.ts'
import { eventOf, openShop, type Purchase } from './shop.ts'

// What is told of one payment: a card that failed, a transfer on its way, the money, and the money given back.

const shop = await openShop()
const second = await shop.instance()
test.after.always(() => shop[Symbol.asyncDispose]())

const moments = ['failed', 'pending', 'paid', 'refunded', 'refunded by payment'] as const
type Moment = (typeof moments)[number]

const types = {
  failed: 'payment_intent.failed',
  pending: 'bank_transfer_intent.pending',
  paid: 'payment_intent.succeeded',
} as const

/** A refund names its checkout, or nothing but the payment. */
const bodyOf = (moment: Moment, purchase: Purchase): string => {
  if (moment === 'refunded by payment') return eventOf('refund.succeeded', purchase)
  // Each card that is tried is a payment of its own.
  if (moment === 'failed') return eventOf(types.failed, purchase, { paymentId: `pa_declined_${purchase.id}` })
  if (moment !== 'refunded') return eventOf(types[moment], purchase)
  const refund = JSON.parse(eventOf('refund.succeeded', purchase))
  return JSON.stringify({ ...refund, checkout: { id: purchase.checkoutId } })
}

const told = (told: readonly Moment[], ...some: Moment[]) => some.some(moment => told.includes(moment))

/**
 * What it comes to in the end, whatever the order. A refund of a payment that we never hear of is about nothing, where it
 * does not name the checkout.
 */
const endOf = (all: readonly Moment[]) => {
  if (told(all, 'refunded') || (told(all, 'refunded by payment') && told(all, 'paid')))
    return { status: 'refunded', site: 'available' }
  if (told(all, 'paid')) return { status: 'paid', site: 'sold' }
  return { status: told(all, 'failed') ? 'failed' : 'pending', site: 'reserved' }
}

type Delivery = 'in turn' | 'at once'

const deliver = async (all: readonly Moment[], purchase: Purchase, delivery: Delivery): Promise<number[]> => {
  const send = async (moment: Moment, i: number) =>
    (await shop.post(bodyOf(moment, purchase), { client: i % 2 ? second.client : shop.client })).status
  if (delivery === 'at once') return Promise.all(all.map(send))
  const statuses: number[] = []
  for (const [i, moment] of all.entries()) statuses.push(await send(moment, i))
  return statuses
}

/** Begins a purchase, tells all of it, and says where that does not end as it should; else null. */
const fault = async (all: readonly Moment[], delivery: Delivery): Promise<string | null> => {
  const purchase = await shop.aPurchase()
  const { id, slug, email } = purchase
  const statuses = await deliver(all, purchase, delivery)
  const { status, issue, user_id: owner } = await shop.rowOf(id)
  const site = await shop.siteOf(slug)
  const accounts = (await shop.sql('SELECT FROM users WHERE email = $1', [email])).length
  const mails = await shop.owedTo(email)
  const end = endOf(all)
  const isSold = end.status === 'paid'
  const holds = [
    statuses.every(each => each === 204),
    status === end.status && issue === null,
    site.status === end.site && site.held_by === (end.site === 'available' ? null : id),
    isSold ? accounts === 1 && owner !== null : accounts <= (told(all, 'paid') ? 1 : 0),
    // Who has an account knows of it, and of what was paid: both mails, or none.
    mails.length === 2 * accounts && new Set(mails).size === mails.length,
  ]
  if (!holds.includes(false)) return null
  return JSON.stringify({ all, delivery, holds, statuses, status, issue, site: site.status, accounts, mails })
}

const arrangements = (of: readonly Moment[]): Moment[][] =>
  of.flatMap(first => [
    [first],
    ...arrangements(of.filter(each => each !== first)).map(rest => [first, ...rest]),
  ])

const faults = async (plans: readonly Moment[][], delivery: Delivery): Promise<(string | null)[]> => {
  const found: (string | null)[] = []
  for (let at = 0; at < plans.length; at += 8)
    found.push(...(await Promise.all(plans.slice(at, at + 8).map(plan => fault(plan, delivery)))))
  return found.filter(Boolean)
}

test.serial('in all orders, one after the other', async t => {
  const plans = arrangements(['failed', 'pending', 'paid', 'refunded'])
  t.is(plans.length, 64)
  t.deepEqual(await faults(plans, 'in turn'), [])
})

test.serial('in all orders, where the refund names nothing but the payment', async t => {
  const plans = arrangements(['failed', 'pending', 'paid', 'refunded by payment'])
  const both = plans.filter(plan => told(plan, 'paid') && told(plan, 'refunded by payment'))
  t.is(both.length, 38)
  t.deepEqual(await faults(both, 'in turn'), [])
})

test.serial('in any order, again and again', async t => {
  const plan = fc.array(fc.constantFrom(...moments), { minLength: 4, maxLength: 9 })
  await fc.assert(
    fc.asyncProperty(plan, async all => t.is(await fault(all, 'in turn'), null)),
    { numRuns: 15, endOnFailure: true },
  )
})

test.serial('at once, at two instances', async t => {
  const plan = fc.array(fc.constantFrom(...moments), { minLength: 3, maxLength: 10 })
  const plans: Moment[][] = [
    ...Array.from({ length: 12 }, (): Moment[] => ['paid', 'refunded by payment']),
    ...Array.from({ length: 8 }, (): Moment[] => ['failed', 'paid', 'refunded', 'paid']),
    ...Array.from({ length: 12 }, (): Moment[] => ['failed', 'paid', 'failed', 'failed']),
    ...fc.sample(plan, 16),
  ]
  t.deepEqual(await faults(plans, 'at once'), [])
})

test.serial('a refund that is still being written down when its payment comes is not lost', async t => {
  const purchase = await shop.aPurchase()
  await shop.sql(`CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END $$`)
  await shop.sql(`CREATE TRIGGER dawdle BEFORE UPDATE ON webhook_events
    FOR EACH ROW WHEN (NEW.type = 'refund.succeeded') EXECUTE FUNCTION dawdle()`)
  const refunded = shop.tell('refund.succeeded', purchase)
  await until('the refund to dawdle', async () => {
    const asleep = `SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()`
    return (await shop.sql(asleep)).length === 1
  })
  const paid = await shop.tell('payment_intent.succeeded', purchase, { client: second.client })
  await shop.sql('DROP FUNCTION dawdle CASCADE')
  t.deepEqual([paid.status, (await refunded).status], [204, 204])
  t.is((await shop.rowOf(purchase.id)).status, 'refunded')
  t.is((await shop.siteOf(purchase.slug)).status, 'available')
})

test.serial('a transfer goes the same way as a card', async t => {
  const purchase = await shop.aPurchase()
  for (const type of ['bank_transfer_intent.pending', 'bank_transfer_intent.failed'] as const)
    t.is((await shop.tell(type, purchase)).status, 204)
  t.is((await shop.rowOf(purchase.id)).status, 'failed')
  t.is((await shop.siteOf(purchase.slug)).status, 'reserved')
  t.is((await shop.tell('bank_transfer_intent.succeeded', purchase)).status, 204)
  t.is((await shop.siteOf(purchase.slug)).status, 'sold')
})

test.serial('a refund that is on its way, or that failed, is none', async t => {
  const purchase = await shop.aPurchase()
  await shop.tell('payment_intent.succeeded', purchase)
  for (const status of ['pending', 'failed', 'processing', '']) {
    const refund = {
      ...JSON.parse(eventOf('refund.succeeded', purchase)),
      event_type: 'refund.created',
      status,
    }
    t.is((await shop.post(JSON.stringify(refund))).status, 204)
    t.is((await shop.rowOf(purchase.id)).status, 'paid', status)
  }
  t.is((await shop.tell('refund.succeeded', purchase)).status, 204)
  t.is((await shop.rowOf(purchase.id)).status, 'refunded')
})
