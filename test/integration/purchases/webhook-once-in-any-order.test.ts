import { randomBytes } from 'node:crypto'
import anyTest from 'ava'
import fc from 'fast-check'
import { signedHeaders } from '../../../src/shop/gateway-stub/sample-events.ts'
import { openPools, sendSimultaneously, statusesOf, times } from '../../simultaneous.ts'
import { until } from '../../until.ts'
import { runCommand } from '../cli/run-command.ts'
import { eventOf, openShop, type Purchase, secret, webhookPath } from './shop.ts'

// Webhook events of the gateway: each has its effect once, and the result is the same in any order.

const test = anyTest.serial

const shop = await openShop()
const second = await shop.instance()
const webhookAnyOrderShop = await openShop()
const webhookAnyOrderSecond = await webhookAnyOrderShop.instance()
anyTest.after.always(async () => {
  for (const each of [shop, webhookAnyOrderShop]) await each[Symbol.asyncDispose]()
})

{
  const anId = () => `msg_${randomBytes(12).toString('hex')}`

  /** Sends copies of an event simultaneously to two instances. */
  const sendCopies = (body: string, ids: readonly string[]) => {
    const requests = times(ids.length, i => ({
      path: webhookPath,
      body: JSON.parse(body),
      headers: signedHeaders(secret, body, ids[i]),
    }))
    return sendSimultaneously([shop.url, second.url], requests)
  }

  const accountsOf = (email: string) => shop.sql('SELECT FROM users WHERE email = $1', [email])
  const eventsOf = (id: string) => shop.sql('SELECT FROM audit_events WHERE user_id = $1', [id])

  /** Everything that a payment changes. */
  const effectsOf = async ({ id, slug, email }: Purchase) => ({
    purchase: await shop.rowOf(id),
    site: await shop.siteOf(slug),
    accounts: (await accountsOf(email)).length,
    mails: await shop.emailKindsTo(email),
  })

  const summaryOf = async (purchase: Purchase) => {
    const { accounts, mails, ...effects } = await effectsOf(purchase)
    const { status, issue, user_id: userId } = effects.purchase
    const events = (await eventsOf(userId ?? '')).length
    return { status, issue, site: effects.site, accounts, mails, events }
  }

  const soldOnce = (purchase: Purchase) => ({
    status: 'paid',
    issue: null,
    site: { status: 'sold', held_by: purchase.id },
    accounts: 1,
    mails: ['purchase_confirmation', 'welcome_guest'],
    // The account is created, and the purchase is paid.
    events: 2,
  })

  test('50 simultaneous copies of an event at two instances → 204 for each, one effect', async t => {
    await openPools(shop, second)
    const purchase = await shop.aPurchase()
    const id = anId()
    const body = eventOf('payment_intent.succeeded', purchase)
    t.deepEqual(statusesOf(await sendCopies(body, Array(50).fill(id))), { 204: 50 })
    t.deepEqual(await summaryOf(purchase), soldOnce(purchase))
    t.deepEqual(await shop.outcomesOf([id]), ['applied'])
  })

  test('50 simultaneous events of one payment with different ids → 204 for each, one effect', async t => {
    const purchase = await shop.aPurchase()
    const ids = Array.from({ length: 50 }, anId)
    const replies = await sendCopies(eventOf('payment_intent.succeeded', purchase), ids)
    t.deepEqual(statusesOf(replies), { 204: 50 })
    t.deepEqual(await summaryOf(purchase), soldOnce(purchase))
    t.deepEqual(await shop.outcomesOf(ids), ['applied', ...Array(49).fill('unchanged')])
  })

  test('20 simultaneous payments of one guest → one account and 20 confirmations', async t => {
    const first = await shop.aPurchase()
    const more = await Promise.all(Array.from({ length: 19 }, () => shop.aPurchase({ email: first.email })))
    const paid = await Promise.all(
      [first, ...more].map((purchase, i) =>
        shop.sendEvent('payment_intent.succeeded', purchase, { client: i % 2 ? shop.client : second.client }),
      ),
    )
    t.deepEqual(statusesOf(paid), { 204: 20 })
    t.is((await accountsOf(first.email)).length, 1)
    const rows = await Promise.all([first, ...more].map(({ id }) => shop.rowOf(id)))
    t.is(new Set(rows.map(({ user_id }) => user_id)).size, 1)
    const confirmed = (await shop.emailKindsTo(first.email)).filter(kind => kind === 'purchase_confirmation')
    t.is(confirmed.length, 20)
  })

  test('the same event a day later with a fresh signature → no effect', async t => {
    const purchase = await shop.aPurchase()
    const id = anId()
    t.is((await shop.sendEvent('payment_intent.succeeded', purchase, { id })).status, 204)
    await shop.sql(
      `UPDATE webhook_events SET received_at = received_at - interval '25 hours',
                               processed_at = processed_at - interval '25 hours' WHERE id = $1`,
      [id],
    )
    await shop.sql(`UPDATE purchases SET created_at = created_at - interval '25 hours' WHERE id = $1`, [
      purchase.id,
    ])
    const before = await effectsOf(purchase)
    t.is((await shop.sendEvent('payment_intent.succeeded', purchase, { id })).status, 204)
    t.deepEqual(await effectsOf(purchase), before)
  })

  test('event id reused for other content → the second event is ignored', async t => {
    const [purchase, other] = [await shop.aPurchase(), await shop.aPurchase()]
    const id = anId()
    t.is((await shop.sendEvent('payment_intent.failed', purchase, { id })).status, 204)
    t.is((await shop.sendEvent('payment_intent.succeeded', other, { id })).status, 204)
    t.is((await shop.rowOf(other.id)).status, 'pending')
    t.deepEqual(await shop.emailKindsTo(other.email), [])
  })

  test('same event content with another id → no further effect', async t => {
    const purchase = await shop.aPurchase()
    const [first, again] = [anId(), anId()]
    t.is((await shop.sendEvent('payment_intent.succeeded', purchase, { id: first })).status, 204)
    const before = await effectsOf(purchase)
    t.is((await shop.sendEvent('payment_intent.succeeded', purchase, { id: again })).status, 204)
    t.deepEqual(await effectsOf(purchase), before)
    t.deepEqual(await shop.outcomesOf([first, again]), ['applied', 'unchanged'])
  })

  test('webhook during a reconcile run → counted as one payment', async t => {
    const purchase = await shop.aPurchase()
    const checkout = shop.gateway.checkouts.get(purchase.checkoutId)
    if (!checkout) return t.fail()
    checkout.status = 'paid'
    await shop.sql('UPDATE purchases SET look_after = now() WHERE id = $1', [purchase.id])
    const [reply] = await Promise.all([
      shop.sendEvent('payment_intent.succeeded', purchase),
      shop.run('reconcile'),
      second.run('reconcile'),
    ])
    t.is(reply.status, 204)
    t.deepEqual(await summaryOf(purchase), soldOnce(purchase))
  })

  test('event of an unknown type → stored as ignored, and nothing else changes', async t => {
    const purchase = await shop.aPurchase()
    const before = await effectsOf(purchase)
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
      const event = { ...JSON.parse(eventOf('payment_intent.succeeded', purchase)), event_type: type }
      t.is((await shop.post(JSON.stringify(event), { id })).status, 204, type)
      const [stored] = await shop.sql('SELECT type, outcome, purchase_id FROM webhook_events WHERE id = $1', [
        id,
      ])
      t.deepEqual(stored, { type, outcome: 'ignored', purchase_id: null })
    }
    t.deepEqual(await effectsOf(purchase), before)
  })

  test('event about an unknown checkout → stored as unmatched', async t => {
    const purchase = await shop.aPurchase()
    const foreign = {
      ...purchase,
      checkoutId: 'ch_of_another_shop',
      id: '01890000-0000-7000-8000-000000000000',
    }
    const id = anId()
    t.is((await shop.sendEvent('payment_intent.succeeded', foreign, { id })).status, 204)
    t.deepEqual(await shop.outcomesOf([id]), ['unmatched'])
    t.is((await shop.rowOf(purchase.id)).status, 'pending')
  })

  test('event with checkout and purchase of different buyers → pays only for its checkout', async t => {
    const [cheap, expensive] = [await shop.aPurchase(), await shop.aPurchase()]
    const id = anId()
    t.is(
      (await shop.sendEvent('payment_intent.succeeded', { ...expensive, checkoutId: 'ch_elsewhere' }, { id }))
        .status,
      204,
    )
    t.is(
      (await shop.sendEvent('payment_intent.succeeded', { ...expensive, checkoutId: cheap.checkoutId }))
        .status,
      204,
    )
    t.deepEqual(await shop.outcomesOf([id]), ['unmatched'])
    t.is((await shop.rowOf(expensive.id)).status, 'pending')
    t.is((await shop.rowOf(cheap.id)).status, 'paid')
  })

  test('payment event before the checkout id is stored → finds its purchase', async t => {
    const purchase = await shop.aPurchase()
    await shop.sql('UPDATE purchases SET checkout_id = NULL, checkout_url = NULL WHERE id = $1', [
      purchase.id,
    ])
    t.is((await shop.sendEvent('payment_intent.succeeded', purchase)).status, 204)
    t.deepEqual(await summaryOf(purchase), soldOnce(purchase))
  })
}

{
  const shop = webhookAnyOrderShop
  const second = webhookAnyOrderSecond
  // The events of one payment: a failed card, a transfer in progress, the payment, and its refund.

  const moments = ['failed', 'pending', 'paid', 'refunded', 'refunded by payment'] as const
  type Moment = (typeof moments)[number]

  const types = {
    failed: 'payment_intent.failed',
    pending: 'bank_transfer_intent.pending',
    paid: 'payment_intent.succeeded',
  } as const

  /** A refund event names its checkout, or only the payment. */
  const bodyOf = (moment: Moment, purchase: Purchase): string => {
    if (moment === 'refunded by payment') return eventOf('refund.succeeded', purchase)
    // Each attempt with a card is a separate payment.
    if (moment === 'failed')
      return eventOf(types.failed, purchase, { paymentId: `pa_declined_${purchase.id}` })
    if (moment !== 'refunded') return eventOf(types[moment], purchase)
    const refund = JSON.parse(eventOf('refund.succeeded', purchase))
    return JSON.stringify({ ...refund, checkout: { id: purchase.checkoutId } })
  }

  const includesAny = (all: readonly Moment[], ...some: Moment[]) => some.some(moment => all.includes(moment))

  /**
   * The final state, independent of the order. A refund that does not name the checkout has no effect unless its payment
   * event arrives too.
   */
  const finalStateOf = (all: readonly Moment[]) => {
    if (includesAny(all, 'refunded') || (includesAny(all, 'refunded by payment') && includesAny(all, 'paid')))
      return { status: 'refunded', site: 'available' }
    if (includesAny(all, 'paid')) return { status: 'paid', site: 'sold' }
    return { status: includesAny(all, 'failed') ? 'failed' : 'pending', site: 'reserved' }
  }

  type Delivery = 'in turn' | 'at once'

  const deliver = async (
    all: readonly Moment[],
    purchase: Purchase,
    delivery: Delivery,
  ): Promise<number[]> => {
    const send = async (moment: Moment, i: number) =>
      (await shop.post(bodyOf(moment, purchase), { client: i % 2 ? second.client : shop.client })).status
    if (delivery === 'at once') return Promise.all(all.map(send))
    const statuses: number[] = []
    for (const [i, moment] of all.entries()) statuses.push(await send(moment, i))
    return statuses
  }

  /** Starts a purchase and sends these events. Returns a description if the final state is wrong, otherwise null. */
  const wrongStateAfter = async (all: readonly Moment[], delivery: Delivery): Promise<string | null> => {
    const purchase = await shop.aPurchase()
    const { id, slug, email } = purchase
    const statuses = await deliver(all, purchase, delivery)
    const { status, issue, user_id: owner } = await shop.rowOf(id)
    const site = await shop.siteOf(slug)
    const accounts = (await shop.sql('SELECT FROM users WHERE email = $1', [email])).length
    const mails = await shop.emailKindsTo(email)
    const end = finalStateOf(all)
    const isSold = end.status === 'paid'
    const checks = [
      statuses.every(each => each === 204),
      status === end.status && issue === null,
      site.status === end.site && site.held_by === (end.site === 'available' ? null : id),
      isSold ? accounts === 1 && owner !== null : accounts <= (includesAny(all, 'paid') ? 1 : 0),
      // Every account gets both emails: the welcome and the confirmation.
      mails.length === 2 * accounts && new Set(mails).size === mails.length,
    ]
    if (!checks.includes(false)) return null
    return JSON.stringify({
      all,
      delivery,
      checks,
      statuses,
      status,
      issue,
      site: site.status,
      accounts,
      mails,
    })
  }

  const permutations = (of: readonly Moment[]): Moment[][] =>
    of.flatMap(first => [
      [first],
      ...permutations(of.filter(each => each !== first)).map(rest => [first, ...rest]),
    ])

  const wrongStates = async (plans: readonly Moment[][], delivery: Delivery): Promise<(string | null)[]> => {
    const found: (string | null)[] = []
    for (let at = 0; at < plans.length; at += 8)
      found.push(...(await Promise.all(plans.slice(at, at + 8).map(plan => wrongStateAfter(plan, delivery)))))
    return found.filter(Boolean)
  }

  test('all orders of the events of one payment, sequentially → the same final state', async t => {
    const plans = permutations(['failed', 'pending', 'paid', 'refunded'])
    t.is(plans.length, 64)
    t.deepEqual(await wrongStates(plans, 'in turn'), [])
  })

  test('all orders, refund names only the payment → the same final state', async t => {
    const plans = permutations(['failed', 'pending', 'paid', 'refunded by payment'])
    const both = plans.filter(plan => includesAny(plan, 'paid') && includesAny(plan, 'refunded by payment'))
    t.is(both.length, 38)
    t.deepEqual(await wrongStates(both, 'in turn'), [])
  })

  test('random orders with repetitions → the same final state', async t => {
    const plan = fc.array(fc.constantFrom(...moments), { minLength: 4, maxLength: 9 })
    await fc.assert(
      fc.asyncProperty(plan, async all => t.is(await wrongStateAfter(all, 'in turn'), null)),
      { numRuns: 15, endOnFailure: true },
    )
  })

  test('the events of one payment simultaneously at two instances → the same final state', async t => {
    const plan = fc.array(fc.constantFrom(...moments), { minLength: 3, maxLength: 10 })
    const plans: Moment[][] = [
      ...Array.from({ length: 12 }, (): Moment[] => ['paid', 'refunded by payment']),
      ...Array.from({ length: 8 }, (): Moment[] => ['failed', 'paid', 'refunded', 'paid']),
      ...Array.from({ length: 12 }, (): Moment[] => ['failed', 'paid', 'failed', 'failed']),
      ...fc.sample(plan, 16),
    ]
    t.deepEqual(await wrongStates(plans, 'at once'), [])
  })

  test('payment arrives while its refund is being stored → the refund is applied', async t => {
    const purchase = await shop.aPurchase()
    await shop.sql(`CREATE FUNCTION slow_down() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END $$`)
    await shop.sql(`CREATE TRIGGER slow_down BEFORE UPDATE ON webhook_events
    FOR EACH ROW WHEN (NEW.type = 'refund.succeeded') EXECUTE FUNCTION slow_down()`)
    const refunded = shop.sendEvent('refund.succeeded', purchase)
    await until('the refund to sleep in the trigger', async () => {
      const asleep = `SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()`
      return (await shop.sql(asleep)).length === 1
    })
    const paid = await shop.sendEvent('payment_intent.succeeded', purchase, { client: second.client })
    await shop.sql('DROP FUNCTION slow_down CASCADE')
    t.deepEqual([paid.status, (await refunded).status], [204, 204])
    t.is((await shop.rowOf(purchase.id)).status, 'refunded')
    t.is((await shop.siteOf(purchase.slug)).status, 'available')
  })

  test('bank transfer events → same transitions as card events', async t => {
    const purchase = await shop.aPurchase()
    for (const type of ['bank_transfer_intent.pending', 'bank_transfer_intent.failed'] as const)
      t.is((await shop.sendEvent(type, purchase)).status, 204)
    t.is((await shop.rowOf(purchase.id)).status, 'failed')
    t.is((await shop.siteOf(purchase.slug)).status, 'reserved')
    t.is((await shop.sendEvent('bank_transfer_intent.succeeded', purchase)).status, 204)
    t.is((await shop.siteOf(purchase.slug)).status, 'sold')
  })

  test('refund that is pending or failed → no effect', async t => {
    const purchase = await shop.aPurchase()
    await shop.sendEvent('payment_intent.succeeded', purchase)
    for (const status of ['pending', 'failed', 'processing', '']) {
      const refund = {
        ...JSON.parse(eventOf('refund.succeeded', purchase)),
        event_type: 'refund.created',
        status,
      }
      t.is((await shop.post(JSON.stringify(refund))).status, 204)
      t.is((await shop.rowOf(purchase.id)).status, 'paid', status)
    }
    t.is((await shop.sendEvent('refund.succeeded', purchase)).status, 204)
    t.is((await shop.rowOf(purchase.id)).status, 'refunded')
  })
}

{
  const send = (...args: string[]) => runCommand(shop.env, ['webhooks', 'send', ...args, '--json'])

  test('webhooks send to a local service → the event is accepted', async t => {
    const { id } = await shop.aPurchase()
    const sent = await send('payment_intent.succeeded', '--purchase', id, '--url', `${shop.url}/`)
    t.like(sent, { code: 0, json: { status: 204 } })
    t.is((await shop.rowOf(id)).status, 'paid')
  })

  test('webhooks send to another host → rejected with exit code 64', async t => {
    for (const url of [
      'https://example.com',
      'http://127.0.0.1.example.com',
      'http://127.0.0.1@example.com',
      'ftp://127.0.0.1',
    ])
      t.is((await send('refund.created', '--url', url)).code, 64, url)
    const own = await send('payment_intent.failed')
    t.like(own, { code: 1, json: { error: { code: 'NOT_LOCAL' } } })
  })

  test('webhooks send to an unreachable service → NOT_TAKEN, not an error about a store', async t => {
    const sent = await send('payment_intent.failed', '--url', 'http://127.0.0.1:9')
    t.like(sent, { code: 1, json: { error: { code: 'NOT_TAKEN' } } })
  })
}
