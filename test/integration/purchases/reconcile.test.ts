import test, { type ExecutionContext } from 'ava'
import { anEmail } from '../../fixtures.ts'
import { openScriptedGateway, replyWith, unreachableUrl } from './scripted-gateway.ts'
import { openShop, type Purchase } from './shop.ts'

// The gateway is asked by the flow that workers run; times are moved in the database. Serial: each asks about all that is due.

const shop = await openShop()
const { sql } = shop
test.after.always(() => shop[Symbol.asyncDispose]())

type Row = Record<string, unknown>

const isDue = (...purchases: Purchase[]) =>
  sql("UPDATE purchases SET look_after = now() - interval '1 second' WHERE id = ANY($1)", [
    purchases.map(({ id }) => id),
  ])
/** Its checkout ran out so long ago. */
const ranOut = async (purchase: Purchase, ago = '61 seconds') => {
  await sql('UPDATE purchases SET expires_at = now() - $2::interval WHERE id = $1', [purchase.id, ago])
  await isDue(purchase)
}
const atGateway = ({ checkoutId }: Purchase) => {
  const found = shop.gateway.checkouts.get(checkoutId)
  if (!found) throw new Error('no such checkout')
  return found
}
const isPaid = async (...purchases: Purchase[]) => {
  for (const purchase of purchases) atGateway(purchase).status = 'paid'
  await isDue(...purchases)
}
const mailsTo = async (email: string) =>
  (await sql<{ kind: string }>('SELECT kind FROM emails WHERE recipient = $1 ORDER BY kind', [email])).map(
    ({ kind }) => kind,
  )
const eventsOf = ({ id }: Purchase) =>
  sql<Row>('SELECT type, outcome FROM webhook_events WHERE purchase_id = $1 ORDER BY received_at', [id])

/** The site is sold, to an account of the buyer, who is owed two mails: once. */
const isSoldOnce = async (t: ExecutionContext, purchase: Purchase) => {
  const [user] = await sql<{ id: string }>('SELECT id FROM users WHERE email = $1', [purchase.email])
  const row = await shop.rowOf(purchase.id)
  t.like(row, { status: 'paid', issue: null, user_id: user?.id })
  t.truthy(user)
  t.true(row.paid_at instanceof Date)
  t.deepEqual(await shop.siteOf(purchase.slug), { status: 'sold', held_by: purchase.id })
  t.deepEqual(await mailsTo(purchase.email), ['purchase_confirmation', 'welcome_guest'])
}
const isOpen = async (t: ExecutionContext, purchase: Purchase, status = 'pending') => {
  t.like(await shop.rowOf(purchase.id), { status, issue: null, paid_at: null })
  t.deepEqual(await shop.siteOf(purchase.slug), { status: 'reserved', held_by: purchase.id })
}
const isLetGo = async (t: ExecutionContext, { id, slug }: Purchase) => {
  t.like(await shop.rowOf(id), { status: 'expired', issue: null, paid_at: null })
  t.deepEqual(await shop.siteOf(slug), { status: 'available', held_by: null })
}

test.serial('what was paid and no webhook told of is sold, once', async t => {
  const purchase = await shop.aPurchase()
  await isPaid(purchase)
  t.is(await shop.run('reconcile'), 1)
  await isSoldOnce(t, purchase)
  t.is((await shop.rowOf(purchase.id)).payment_id, atGateway(purchase).paymentId)
  t.deepEqual(await eventsOf(purchase), [{ type: 'checkout.paid', outcome: 'applied' }])

  await isDue(purchase)
  t.is(await shop.run('reconcile'), 0, 'it is not asked about again')
  await shop.sendEvent('payment_intent.succeeded', purchase, { paymentId: atGateway(purchase).paymentId })
  await isSoldOnce(t, purchase)
})

test.serial('two workers at once ask about each once, and sell it once', async t => {
  const other = await shop.instance()
  const purchases = await Promise.all(Array.from({ length: 12 }, () => shop.aPurchase()))
  await isPaid(...purchases)
  const asked = await Promise.all([shop.run('reconcile'), other.run('reconcile'), shop.run('reconcile')])
  t.is(
    asked.reduce((sum, each) => sum + each),
    12,
  )
  for (const purchase of purchases) await isSoldOnce(t, purchase)
})

test.serial('a webhook that comes meanwhile and a worker sell it once', async t => {
  const purchases = await Promise.all(Array.from({ length: 8 }, () => shop.aPurchase()))
  await isPaid(...purchases)
  const tell = (purchase: Purchase) =>
    shop.sendEvent('payment_intent.succeeded', purchase, { paymentId: atGateway(purchase).paymentId })
  const [, ...replies] = await Promise.all([shop.run('reconcile'), ...purchases.map(tell)])
  t.deepEqual([...new Set(replies.map(({ status }) => status))], [204])
  for (const purchase of purchases) await isSoldOnce(t, purchase)
})

test.serial('nothing happens to what nobody has paid while its time runs', async t => {
  const purchase = await shop.aPurchase()
  t.is(await shop.run('reconcile'), 0, 'it is not asked about in the first minute')
  await isDue(purchase)
  t.is(await shop.run('reconcile'), 1)
  t.is(await shop.run('reconcile'), 0, 'nor twice a minute')
  await isOpen(t, purchase)
  const next = (await shop.rowOf(purchase.id)).look_after as Date
  t.true(Math.abs(next.getTime() - Date.now() - 60_000) < 30_000)
  await ranOut(purchase, '30 seconds')
  await shop.run('reconcile')
  await isOpen(t, purchase)
})

test.serial('a site is let go when its checkout has run out and nobody has paid', async t => {
  const [pending, failed] = [await shop.aPurchase(), await shop.aPurchase()]
  t.is((await shop.sendEvent('payment_intent.failed', failed)).status, 204)
  t.is((await shop.rowOf(failed.id)).status, 'failed')
  await ranOut(pending)
  await ranOut(failed)
  t.is(await shop.run('reconcile'), 2)
  await isLetGo(t, pending)
  await isLetGo(t, failed)
  t.deepEqual(await mailsTo(pending.email), [])
  await isDue(pending, failed)
  t.is(await shop.run('reconcile'), 0)
  const next = await shop.aPurchase({ slug: pending.slug })
  await isOpen(t, next)
})

test.serial('a card that failed, and then another one that did not, is paid', async t => {
  const purchase = await shop.aPurchase()
  await shop.sendEvent('payment_intent.failed', purchase)
  await isPaid(purchase)
  await shop.run('reconcile')
  await isSoldOnce(t, purchase)
})

test.serial(
  'a site stays reserved while a bank transfer is on its way, for as long as that takes',
  async t => {
    const purchase = await shop.aPurchase()
    atGateway(purchase).status = 'payment_in_progress'
    await ranOut(purchase, '2 days')
    t.is(await shop.run('reconcile'), 1)
    await isOpen(t, purchase)
    await isPaid(purchase)
    await shop.run('reconcile')
    await isSoldOnce(t, purchase)
  },
)

test.serial('what was paid in the last second is sold, though its time has run out', async t => {
  const purchase = await shop.aPurchase()
  atGateway(purchase).status = 'paid'
  await ranOut(purchase, '1 hour')
  await shop.run('reconcile')
  await isSoldOnce(t, purchase)
})

test.serial('no site is let go while the gateway does not answer', async t => {
  await using gateway = await openScriptedGateway()
  const purchase = await shop.aPurchase()
  const asking = (RECURRENTE_URL: string) => shop.run('reconcile', { RECURRENTE_URL })
  await ranOut(purchase, '3 hours')
  t.is(await asking(await unreachableUrl()), 1)
  await isOpen(t, purchase)

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
    await isDue(purchase)
    const from = await shop.logMark()
    t.is(await asking(gateway.url), 1)
    await isOpen(t, purchase)
    t.regex((await shop.logs(from)).join(''), /the payment gateway did not serve/)
  }
  gateway.answer(replyWith(200, unpaid))
  await isDue(purchase)
  await asking(gateway.url)
  await isLetGo(t, purchase)
  const { method, path, headers, body } = gateway.requests.at(-1) ?? {}
  t.is(`${method} ${path}`, `GET /checkouts/${purchase.checkoutId}`)
  t.is(headers?.['x-secret-key'], shop.env.RECURRENTE_SECRET_KEY)
  t.is(body, '')
})

test.serial('what is paid just after the gateway said that it is not stays paid', async t => {
  await using gateway = await openScriptedGateway()
  const purchase = await shop.aPurchase()
  gateway.answer(async reply => {
    await shop.sendEvent('payment_intent.succeeded', purchase)
    replyWith(200, { status: 'unpaid', total_in_cents: '12500', currency: 'GTQ' })(reply)
  })
  await ranOut(purchase)
  t.is(await shop.run('reconcile', { RECURRENTE_URL: gateway.url }), 1)
  await isSoldOnce(t, purchase)
})

test.serial('one that is not answered for keeps nobody else from it', async t => {
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
  await isDue(first, second)
  t.is(await shop.run('reconcile', { RECURRENTE_URL: gateway.url }), 2)
  await isOpen(t, first)
  await isSoldOnce(t, second)
})

test.serial('a total is read as a number or as a text, and nothing in between', async t => {
  await using gateway = await openScriptedGateway()
  const config = { RECURRENTE_URL: gateway.url }
  const told = async (total_in_cents: unknown, latest_intent?: unknown) => {
    const purchase = await shop.aPurchase()
    gateway.answer(replyWith(200, { status: 'paid', total_in_cents, currency: 'GTQ', latest_intent }))
    await isDue(purchase)
    await shop.run('reconcile', config)
    return purchase
  }
  await isSoldOnce(t, await told(12_500))
  await isSoldOnce(t, await told('12500', null))
  await isSoldOnce(t, await told('12500', { id: null }))
  for (const total of ['12500.00', '12,500', '0x30d4', '1.25e4', ' 12500', 12_500.5, null, true, [12_500]]) {
    const purchase = await told(total)
    t.is((await shop.rowOf(purchase.id)).status, 'pending', String(total))
  }
})

test.serial(
  'where another amount or currency was paid nothing is sold, and it is not asked about again',
  async t => {
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
      await isDue(purchase)
      const [before, from] = [gateway.requests.length, await shop.logMark()]
      await shop.run('reconcile', config)
      t.like(await shop.rowOf(purchase.id), { status: 'pending', issue: 'amount_mismatch', paid_at: null })
      t.is((await shop.siteOf(purchase.slug)).status, 'reserved')
      t.deepEqual(await mailsTo(purchase.email), [])
      t.regex((await shop.logs(from)).join(''), /"level":"error".*"outcome":"amount_mismatch"/)
      await ranOut(purchase, '1 day')
      t.is(await shop.run('reconcile', config), 0)
      t.is(gateway.requests.length - before, 1)
      t.is((await shop.siteOf(purchase.slug)).status, 'reserved', 'money came for it: it is not let go')
    }
  },
)

test.serial('a webhook after the site was let go sells it, while nobody else has it', async t => {
  const [late, tooLate] = [await shop.aPurchase(), await shop.aPurchase()]
  for (const purchase of [late, tooLate]) await ranOut(purchase)
  await shop.run('reconcile')
  await isLetGo(t, late)
  t.is((await shop.sendEvent('payment_intent.succeeded', late)).status, 204)
  await isSoldOnce(t, late)

  const next = await shop.aPurchase({ slug: tooLate.slug, email: anEmail() })
  t.is((await shop.sendEvent('payment_intent.succeeded', tooLate)).status, 204)
  t.like(await shop.rowOf(tooLate.id), { status: 'paid', issue: 'site_unavailable', user_id: null })
  t.deepEqual(await mailsTo(tooLate.email), [])
  await isOpen(t, next)
})

test.serial('what was refunded or sold meanwhile stays so, whatever is asked', async t => {
  const purchase = await shop.aPurchase()
  await shop.sendEvent('payment_intent.succeeded', purchase)
  await shop.sendEvent('refund.succeeded', purchase)
  t.is((await shop.rowOf(purchase.id)).status, 'refunded')
  atGateway(purchase).status = 'paid'
  await ranOut(purchase)
  t.is(await shop.run('reconcile'), 0)
  t.is((await shop.rowOf(purchase.id)).status, 'refunded')
  t.is((await shop.siteOf(purchase.slug)).status, 'available')
})

test.serial('more than one batch is asked about in one go', async t => {
  const purchases = await Promise.all(Array.from({ length: 23 }, () => shop.aPurchase()))
  for (const purchase of purchases) await ranOut(purchase)
  t.is(await shop.run('reconcile'), 23)
  for (const purchase of purchases) await isLetGo(t, purchase)
})

test.serial('where no shop is configured nobody is asked', async t => {
  const purchase = await shop.aPurchase()
  await ranOut(purchase)
  const config = { RECURRENTE_SECRET_KEY: undefined }
  t.is(await shop.run('reconcile', config), 0)
  await isOpen(t, purchase)
  t.is(await shop.run('reconcile'), 1)
})

test.serial('a transfer that is on its way holds a site for three days, and no longer', async t => {
  const purchase = await shop.aPurchase()
  atGateway(purchase).status = 'payment_in_progress'
  await ranOut(purchase, '2 days 23 hours')
  await shop.run('reconcile')
  await isOpen(t, purchase)
  await ranOut(purchase, '3 days 1 hour')
  await shop.run('reconcile')
  await isLetGo(t, purchase)
  t.is((await shop.sendEvent('bank_transfer_intent.succeeded', purchase)).status, 204)
  await isSoldOnce(t, purchase)
})

test.serial(
  'a checkout that the gateway knows nothing of holds a site for as long as it would have lived',
  async t => {
    const purchase = await shop.aPurchase()
    shop.gateway.checkouts.delete(purchase.checkoutId)
    await isDue(purchase)
    await shop.run('reconcile')
    await isOpen(t, purchase)
    await ranOut(purchase)
    await shop.run('reconcile')
    await isLetGo(t, purchase)
  },
)
