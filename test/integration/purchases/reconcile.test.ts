import test, { type ExecutionContext } from 'ava'
import { anEmail } from '../../fixtures.ts'
import { openScriptedGateway, replyWith, unreachableUrl } from './scripted-gateway.ts'
import { openShop, type Purchase } from './shop.ts'

// The worker queries the gateway about open purchases. Tests move times in the database, and run serially because each
// run processes all due purchases.

const shop = await openShop()
const { sql } = shop
test.after.always(() => shop[Symbol.asyncDispose]())

type Row = Record<string, unknown>

const makeDue = (...purchases: Purchase[]) =>
  sql("UPDATE purchases SET look_after = now() - interval '1 second' WHERE id = ANY($1)", [
    purchases.map(({ id }) => id),
  ])
/** Makes the checkout of a purchase expire this long ago. */
const expire = async (purchase: Purchase, ago = '61 seconds') => {
  await sql('UPDATE purchases SET expires_at = now() - $2::interval WHERE id = $1', [purchase.id, ago])
  await makeDue(purchase)
}
const atGateway = ({ checkoutId }: Purchase) => {
  const found = shop.gateway.checkouts.get(checkoutId)
  if (!found) throw new Error('no such checkout')
  return found
}
const payAtGateway = async (...purchases: Purchase[]) => {
  for (const purchase of purchases) atGateway(purchase).status = 'paid'
  await makeDue(...purchases)
}
const mailsTo = async (email: string) =>
  (await sql<{ kind: string }>('SELECT kind FROM emails WHERE recipient = $1 ORDER BY kind', [email])).map(
    ({ kind }) => kind,
  )
const eventsOf = ({ id }: Purchase) =>
  sql<Row>('SELECT type, outcome FROM webhook_events WHERE purchase_id = $1 ORDER BY received_at', [id])

/** Asserts that the site is sold to an account of the buyer, with exactly one email of each kind. */
const assertSoldOnce = async (t: ExecutionContext, purchase: Purchase) => {
  const [user] = await sql<{ id: string }>('SELECT id FROM users WHERE email = $1', [purchase.email])
  const row = await shop.rowOf(purchase.id)
  t.like(row, { status: 'paid', issue: null, user_id: user?.id })
  t.truthy(user)
  t.true(row.paid_at instanceof Date)
  t.deepEqual(await shop.siteOf(purchase.slug), { status: 'sold', held_by: purchase.id })
  t.deepEqual(await mailsTo(purchase.email), ['purchase_confirmation', 'welcome_guest'])
}
const assertReserved = async (t: ExecutionContext, purchase: Purchase, status = 'pending') => {
  t.like(await shop.rowOf(purchase.id), { status, issue: null, paid_at: null })
  t.deepEqual(await shop.siteOf(purchase.slug), { status: 'reserved', held_by: purchase.id })
}
const assertReleased = async (t: ExecutionContext, { id, slug }: Purchase) => {
  t.like(await shop.rowOf(id), { status: 'expired', issue: null, paid_at: null })
  t.deepEqual(await shop.siteOf(slug), { status: 'available', held_by: null })
}

test.serial('paid purchase without a webhook → sold once', async t => {
  const purchase = await shop.aPurchase()
  await payAtGateway(purchase)
  t.is(await shop.run('reconcile'), 1)
  await assertSoldOnce(t, purchase)
  t.is((await shop.rowOf(purchase.id)).payment_id, atGateway(purchase).paymentId)
  t.deepEqual(await eventsOf(purchase), [{ type: 'checkout.paid', outcome: 'applied' }])

  await makeDue(purchase)
  t.is(await shop.run('reconcile'), 0, 'the gateway is not queried again')
  await shop.sendEvent('payment_intent.succeeded', purchase, { paymentId: atGateway(purchase).paymentId })
  await assertSoldOnce(t, purchase)
})

test.serial('three simultaneous runs at two instances → each purchase queried and sold once', async t => {
  const other = await shop.instance()
  const purchases = await Promise.all(Array.from({ length: 12 }, () => shop.aPurchase()))
  await payAtGateway(...purchases)
  const counts = await Promise.all([shop.run('reconcile'), other.run('reconcile'), shop.run('reconcile')])
  t.is(
    counts.reduce((sum, each) => sum + each),
    12,
  )
  for (const purchase of purchases) await assertSoldOnce(t, purchase)
})

test.serial('webhook during a reconcile run → the site is sold once', async t => {
  const purchases = await Promise.all(Array.from({ length: 8 }, () => shop.aPurchase()))
  await payAtGateway(...purchases)
  const tell = (purchase: Purchase) =>
    shop.sendEvent('payment_intent.succeeded', purchase, { paymentId: atGateway(purchase).paymentId })
  const [, ...replies] = await Promise.all([shop.run('reconcile'), ...purchases.map(tell)])
  t.deepEqual([...new Set(replies.map(({ status }) => status))], [204])
  for (const purchase of purchases) await assertSoldOnce(t, purchase)
})

test.serial('unpaid purchase before its expiry → stays reserved, queried once a minute', async t => {
  const purchase = await shop.aPurchase()
  t.is(await shop.run('reconcile'), 0, 'the gateway is not queried in the first minute')
  await makeDue(purchase)
  t.is(await shop.run('reconcile'), 1)
  t.is(await shop.run('reconcile'), 0, 'the gateway is not queried twice a minute')
  await assertReserved(t, purchase)
  const next = (await shop.rowOf(purchase.id)).look_after as Date
  t.true(Math.abs(next.getTime() - Date.now() - 60_000) < 30_000)
  await expire(purchase, '30 seconds')
  await shop.run('reconcile')
  await assertReserved(t, purchase)
})

test.serial('unpaid checkout has expired → the site is available again', async t => {
  const [pending, failed] = [await shop.aPurchase(), await shop.aPurchase()]
  t.is((await shop.sendEvent('payment_intent.failed', failed)).status, 204)
  t.is((await shop.rowOf(failed.id)).status, 'failed')
  await expire(pending)
  await expire(failed)
  t.is(await shop.run('reconcile'), 2)
  await assertReleased(t, pending)
  await assertReleased(t, failed)
  t.deepEqual(await mailsTo(pending.email), [])
  await makeDue(pending, failed)
  t.is(await shop.run('reconcile'), 0)
  const next = await shop.aPurchase({ slug: pending.slug })
  await assertReserved(t, next)
})

test.serial('card fails and a later card pays → sold', async t => {
  const purchase = await shop.aPurchase()
  await shop.sendEvent('payment_intent.failed', purchase)
  await payAtGateway(purchase)
  await shop.run('reconcile')
  await assertSoldOnce(t, purchase)
})

test.serial('bank transfer in progress → the site stays reserved until it is paid', async t => {
  const purchase = await shop.aPurchase()
  atGateway(purchase).status = 'payment_in_progress'
  await expire(purchase, '2 days')
  t.is(await shop.run('reconcile'), 1)
  await assertReserved(t, purchase)
  await payAtGateway(purchase)
  await shop.run('reconcile')
  await assertSoldOnce(t, purchase)
})

test.serial('paid before the expiry, noticed after it → sold', async t => {
  const purchase = await shop.aPurchase()
  atGateway(purchase).status = 'paid'
  await expire(purchase, '1 hour')
  await shop.run('reconcile')
  await assertSoldOnce(t, purchase)
})

test.serial('gateway does not answer → an expired purchase stays reserved', async t => {
  await using gateway = await openScriptedGateway()
  const purchase = await shop.aPurchase()
  const runAt = (RECURRENTE_URL: string) => shop.run('reconcile', { RECURRENTE_URL })
  await expire(purchase, '3 hours')
  t.is(await runAt(await unreachableUrl()), 1)
  await assertReserved(t, purchase)

  const unpaid = { status: 'unpaid', total_in_cents: '12500', currency: 'GTQ' }
  for (const answer of [
    ...[
      replyWith(500, {}),
      replyWith(401, {}),
      replyWith(429, {}),
      replyWith(200, 'no JSON'),
      replyWith(200, []),
      replyWith(200, 'null'),
    ],
    ...[
      replyWith(200, {}),
      replyWith(200, { ...unpaid, status: 7 }),
      replyWith(200, { ...unpaid, total_in_cents: '125.00' }),
    ],
    replyWith(302, '', { Location: `${shop.gateway.url}/api/checkouts/${purchase.checkoutId}` }),
  ]) {
    gateway.answer(answer)
    await makeDue(purchase)
    const from = await shop.logMark()
    t.is(await runAt(gateway.url), 1)
    await assertReserved(t, purchase)
    t.regex((await shop.logs(from)).join(''), /the payment gateway request failed/)
  }
  gateway.answer(replyWith(200, unpaid))
  await makeDue(purchase)
  await runAt(gateway.url)
  await assertReleased(t, purchase)
  const { method, path, headers, body } = gateway.requests.at(-1) ?? {}
  t.is(`${method} ${path}`, `GET /checkouts/${purchase.checkoutId}`)
  t.is(headers?.['x-secret-key'], shop.env.RECURRENTE_SECRET_KEY)
  t.is(body, '')
})

test.serial('payment arrives just after the gateway said "unpaid" → sold', async t => {
  await using gateway = await openScriptedGateway()
  const purchase = await shop.aPurchase()
  gateway.answer(async reply => {
    await shop.sendEvent('payment_intent.succeeded', purchase)
    replyWith(200, { status: 'unpaid', total_in_cents: '12500', currency: 'GTQ' })(reply)
  })
  await expire(purchase)
  t.is(await shop.run('reconcile', { RECURRENTE_URL: gateway.url }), 1)
  await assertSoldOnce(t, purchase)
})

test.serial('gateway fails for one checkout → other checkouts are still processed', async t => {
  await using gateway = await openScriptedGateway()
  const [first, second] = [await shop.aPurchase(), await shop.aPurchase()]
  gateway.answer((reply, { path }) =>
    path.endsWith(first.checkoutId)
      ? reply.destroy()
      : replyWith(200, {
          status: 'paid',
          total_in_cents: 12_500,
          currency: 'GTQ',
          latest_intent: { id: 'pa_x' },
        })(reply),
  )
  await makeDue(first, second)
  t.is(await shop.run('reconcile', { RECURRENTE_URL: gateway.url }), 2)
  await assertReserved(t, first)
  await assertSoldOnce(t, second)
})

test.serial(
  'total of a paid checkout → accepted as integer or decimal string, otherwise not sold',
  async t => {
    await using gateway = await openScriptedGateway()
    const config = { RECURRENTE_URL: gateway.url }
    const reconcileWith = async (total_in_cents: unknown, latest_intent?: unknown) => {
      const purchase = await shop.aPurchase()
      gateway.answer(replyWith(200, { status: 'paid', total_in_cents, currency: 'GTQ', latest_intent }))
      await makeDue(purchase)
      await shop.run('reconcile', config)
      return purchase
    }
    await assertSoldOnce(t, await reconcileWith(12_500))
    await assertSoldOnce(t, await reconcileWith('12500', null))
    await assertSoldOnce(t, await reconcileWith('12500', { id: null }))
    for (const total of [
      '12500.00',
      '12,500',
      '0x30d4',
      '1.25e4',
      ' 12500',
      12_500.5,
      null,
      true,
      [12_500],
    ]) {
      const purchase = await reconcileWith(total)
      t.is((await shop.rowOf(purchase.id)).status, 'pending', String(total))
    }
  },
)

test.serial('wrong amount or currency paid → not sold, flagged, and not queried again', async t => {
  await using gateway = await openScriptedGateway()
  const config = { RECURRENTE_URL: gateway.url }
  for (const [total_in_cents, currency] of [
    [12_499, 'GTQ'],
    [12_501, 'GTQ'],
    ['12500', 'USD'],
    [12_500, 'gtq'],
    [1_250_000, 'GTQ'],
    [0, 'GTQ'],
  ]) {
    const purchase = await shop.aPurchase()
    gateway.answer(
      replyWith(200, { status: 'paid', total_in_cents, currency, latest_intent: { id: 'pa_x' } }),
    )
    await makeDue(purchase)
    const [before, from] = [gateway.requests.length, await shop.logMark()]
    await shop.run('reconcile', config)
    t.like(await shop.rowOf(purchase.id), { status: 'pending', issue: 'amount_mismatch', paid_at: null })
    t.is((await shop.siteOf(purchase.slug)).status, 'reserved')
    t.deepEqual(await mailsTo(purchase.email), [])
    t.regex((await shop.logs(from)).join(''), /"level":"error".*"outcome":"amount_mismatch"/)
    await expire(purchase, '1 day')
    t.is(await shop.run('reconcile', config), 0)
    t.is(gateway.requests.length - before, 1)
    t.is((await shop.siteOf(purchase.slug)).status, 'reserved', 'a purchase with a payment is not released')
  }
})

test.serial('webhook after the release → sold if the site is still available, otherwise flagged', async t => {
  const [late, tooLate] = [await shop.aPurchase(), await shop.aPurchase()]
  for (const purchase of [late, tooLate]) await expire(purchase)
  await shop.run('reconcile')
  await assertReleased(t, late)
  t.is((await shop.sendEvent('payment_intent.succeeded', late)).status, 204)
  await assertSoldOnce(t, late)

  const next = await shop.aPurchase({ slug: tooLate.slug, email: anEmail() })
  t.is((await shop.sendEvent('payment_intent.succeeded', tooLate)).status, 204)
  t.like(await shop.rowOf(tooLate.id), { status: 'paid', issue: 'site_unavailable', user_id: null })
  t.deepEqual(await mailsTo(tooLate.email), [])
  await assertReserved(t, next)
})

test.serial('refunded purchase → reconcile does not change it', async t => {
  const purchase = await shop.aPurchase()
  await shop.sendEvent('payment_intent.succeeded', purchase)
  await shop.sendEvent('refund.succeeded', purchase)
  t.is((await shop.rowOf(purchase.id)).status, 'refunded')
  atGateway(purchase).status = 'paid'
  await expire(purchase)
  t.is(await shop.run('reconcile'), 0)
  t.is((await shop.rowOf(purchase.id)).status, 'refunded')
  t.is((await shop.siteOf(purchase.slug)).status, 'available')
})

test.serial('23 due purchases → one run processes all batches', async t => {
  const purchases = await Promise.all(Array.from({ length: 23 }, () => shop.aPurchase()))
  for (const purchase of purchases) await expire(purchase)
  t.is(await shop.run('reconcile'), 23)
  for (const purchase of purchases) await assertReleased(t, purchase)
})

test.serial('shop is not configured → the gateway is not queried', async t => {
  const purchase = await shop.aPurchase()
  await expire(purchase)
  const config = { RECURRENTE_SECRET_KEY: undefined }
  t.is(await shop.run('reconcile', config), 0)
  await assertReserved(t, purchase)
  t.is(await shop.run('reconcile'), 1)
})

test.serial('bank transfer in progress → holds the site for three days, then it is released', async t => {
  const purchase = await shop.aPurchase()
  atGateway(purchase).status = 'payment_in_progress'
  await expire(purchase, '2 days 23 hours')
  await shop.run('reconcile')
  await assertReserved(t, purchase)
  await expire(purchase, '3 days 1 hour')
  await shop.run('reconcile')
  await assertReleased(t, purchase)
  t.is((await shop.sendEvent('bank_transfer_intent.succeeded', purchase)).status, 204)
  await assertSoldOnce(t, purchase)
})

test.serial(
  'checkout unknown to the gateway → holds the site until its expiry, then it is released',
  async t => {
    const purchase = await shop.aPurchase()
    shop.gateway.checkouts.delete(purchase.checkoutId)
    await makeDue(purchase)
    await shop.run('reconcile')
    await assertReserved(t, purchase)
    await expire(purchase)
    await shop.run('reconcile')
    await assertReleased(t, purchase)
  },
)
