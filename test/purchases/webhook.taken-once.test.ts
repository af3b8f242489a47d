import { randomBytes } from 'node:crypto'
import test from 'ava'
import { signedHeaders } from '../../src/local/sample-events.ts'
import { openPools, statusesOf, times, volley } from '../volley.ts'
import { eventOf, openShop, type Purchase, secret, webhookPath } from './shop.ts'

const shop = await openShop()
const second = await shop.instance()
test.after.always(() => shop[Symbol.asyncDispose]())

const anId = () => `msg_${randomBytes(12).toString('hex')}`

/** Copies of events that arrive together at two instances. */
const burst = (body: string, ids: readonly string[]) => {
  const shots = times(ids.length, i => ({
    path: webhookPath,
    body: JSON.parse(body),
    headers: signedHeaders(secret, body, ids[i]),
  }))
  return volley([shop.url, second.url], shots)
}

const accountsOf = (email: string) => shop.sql('SELECT FROM users WHERE email = $1', [email])
const eventsOf = (id: string) => shop.sql('SELECT FROM audit_events WHERE user_id = $1', [id])

/** All that a payment leaves behind it. */
const leftBy = async ({ id, slug, email }: Purchase) => ({
  purchase: await shop.rowOf(id),
  site: await shop.siteOf(slug),
  accounts: (await accountsOf(email)).length,
  mails: await shop.owedTo(email),
})

const soldOnce = async (purchase: Purchase) => {
  const { accounts, mails, ...left } = await leftBy(purchase)
  const { status, issue, user_id: userId } = left.purchase
  const events = (await eventsOf(userId ?? '')).length
  return { status, issue, site: left.site, accounts, mails, events }
}

const expected = (purchase: Purchase) => ({
  status: 'paid',
  issue: null,
  site: { status: 'sold', held_by: purchase.id },
  accounts: 1,
  mails: ['purchase_confirmation', 'welcome_guest'],
  events: 1,
})

test('50 copies of an event at once, at two instances, have one effect, and all are answered 204', async t => {
  await openPools(shop, second)
  const purchase = await shop.aPurchase()
  const id = anId()
  const body = eventOf('payment_intent.succeeded', purchase)
  t.deepEqual(statusesOf(await burst(body, Array(50).fill(id))), { 204: 50 })
  t.deepEqual(await soldOnce(purchase), expected(purchase))
  t.deepEqual(await shop.outcomesOf([id]), ['applied'])
})

test('50 events of one payment at once, each with an id of its own, have one effect', async t => {
  const purchase = await shop.aPurchase()
  const ids = Array.from({ length: 50 }, anId)
  const replies = await burst(eventOf('payment_intent.succeeded', purchase), ids)
  t.deepEqual(statusesOf(replies), { 204: 50 })
  t.deepEqual(await soldOnce(purchase), expected(purchase))
  t.deepEqual(await shop.outcomesOf(ids), ['applied', ...Array(49).fill('unchanged')])
})

test('20 payments of one guest for as many sites make one account', async t => {
  const first = await shop.aPurchase()
  const more = await Promise.all(Array.from({ length: 19 }, () => shop.aPurchase({ email: first.email })))
  const paid = await Promise.all(
    [first, ...more].map((purchase, i) =>
      shop.tell('payment_intent.succeeded', purchase, { client: i % 2 ? shop.client : second.client }),
    ),
  )
  t.deepEqual(statusesOf(paid), { 204: 20 })
  t.is((await accountsOf(first.email)).length, 1)
  const rows = await Promise.all([first, ...more].map(({ id }) => shop.rowOf(id)))
  t.is(new Set(rows.map(({ user_id }) => user_id)).size, 1)
  const confirmed = (await shop.owedTo(first.email)).filter(kind => kind === 'purchase_confirmation')
  t.is(confirmed.length, 20)
})

test('an event that comes again a day later, freshly signed, has no effect', async t => {
  const purchase = await shop.aPurchase()
  const id = anId()
  t.is((await shop.tell('payment_intent.succeeded', purchase, { id })).status, 204)
  await shop.sql(
    `UPDATE webhook_events SET received_at = received_at - interval '25 hours',
                               processed_at = processed_at - interval '25 hours' WHERE id = $1`,
    [id],
  )
  await shop.sql(`UPDATE purchases SET created_at = created_at - interval '25 hours' WHERE id = $1`, [
    purchase.id,
  ])
  const before = await leftBy(purchase)
  t.is((await shop.tell('payment_intent.succeeded', purchase, { id })).status, 204)
  t.deepEqual(await leftBy(purchase), before)
})

test('an id that was taken is taken, whatever comes under it', async t => {
  const [purchase, other] = [await shop.aPurchase(), await shop.aPurchase()]
  const id = anId()
  t.is((await shop.tell('payment_intent.failed', purchase, { id })).status, 204)
  t.is((await shop.tell('payment_intent.succeeded', other, { id })).status, 204)
  t.is((await shop.rowOf(other.id)).status, 'pending')
  t.deepEqual(await shop.owedTo(other.email), [])
})

test('the same content under another id has no further effect', async t => {
  const purchase = await shop.aPurchase()
  const [first, again] = [anId(), anId()]
  t.is((await shop.tell('payment_intent.succeeded', purchase, { id: first })).status, 204)
  const before = await leftBy(purchase)
  t.is((await shop.tell('payment_intent.succeeded', purchase, { id: again })).status, 204)
  t.deepEqual(await leftBy(purchase), before)
  t.deepEqual(await shop.outcomesOf([first, again]), ['applied', 'unchanged'])
})

test('what the gateway says when it is asked, and its event, are one payment', async t => {
  const { reconcile } = await import('../../src/purchases/reconcile.ts')
  const purchase = await shop.aPurchase()
  const checkout = shop.gateway.checkouts.get(purchase.checkoutId)
  if (!checkout) return t.fail()
  checkout.status = 'paid'
  await shop.sql('UPDATE purchases SET look_after = now() WHERE id = $1', [purchase.id])
  const [told] = await Promise.all([
    shop.tell('payment_intent.succeeded', purchase),
    reconcile(shop.deps),
    reconcile(second.deps),
  ])
  t.is(told.status, 204)
  t.deepEqual(await soldOnce(purchase), expected(purchase))
})

test('events of types that nobody knows are kept, and nothing else', async t => {
  const purchase = await shop.aPurchase()
  const before = await leftBy(purchase)
  const types = [
    ...[
      'payment_intent.canceled',
      'subscription.create',
      'setup_intent.succeeded',
      'PAYMENT_INTENT.SUCCEEDED',
    ],
    ...['payment_intent.succeeded ', '__proto__', 'constructor', 'toString'],
  ]
  for (const type of types) {
    const id = anId()
    const told = { ...JSON.parse(eventOf('payment_intent.succeeded', purchase)), event_type: type }
    t.is((await shop.post(JSON.stringify(told), { id })).status, 204, type)
    const [kept] = await shop.sql('SELECT type, outcome, purchase_id FROM webhook_events WHERE id = $1', [id])
    t.deepEqual(kept, { type, outcome: 'ignored', purchase_id: null })
  }
  t.deepEqual(await leftBy(purchase), before)
})

test('an event about a checkout that is not ours is kept as such', async t => {
  const purchase = await shop.aPurchase()
  const foreign = {
    ...purchase,
    checkoutId: 'ch_of_another_shop',
    id: '01890000-0000-7000-8000-000000000000',
  }
  const id = anId()
  t.is((await shop.tell('payment_intent.succeeded', foreign, { id })).status, 204)
  t.deepEqual(await shop.outcomesOf([id]), ['unmatched'])
  t.is((await shop.rowOf(purchase.id)).status, 'pending')
})

test('whoever names the purchase of another checkout pays for nothing by it', async t => {
  const [cheap, dear] = [await shop.aPurchase(), await shop.aPurchase()]
  const id = anId()
  t.is(
    (await shop.tell('payment_intent.succeeded', { ...dear, checkoutId: 'ch_elsewhere' }, { id })).status,
    204,
  )
  t.is((await shop.tell('payment_intent.succeeded', { ...dear, checkoutId: cheap.checkoutId })).status, 204)
  t.deepEqual(await shop.outcomesOf([id]), ['unmatched'])
  t.is((await shop.rowOf(dear.id)).status, 'pending')
  t.is((await shop.rowOf(cheap.id)).status, 'paid')
})

test('a payment that is told of before the checkout is kept finds its purchase', async t => {
  const purchase = await shop.aPurchase()
  await shop.sql('UPDATE purchases SET checkout_id = NULL, checkout_url = NULL WHERE id = $1', [purchase.id])
  t.is((await shop.tell('payment_intent.succeeded', purchase)).status, 204)
  t.deepEqual(await soldOnce(purchase), expected(purchase))
})
