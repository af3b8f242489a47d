import { randomBytes } from 'node:crypto'
import test from 'ava'
import pg from 'pg'
import { compileAll } from '../../../src/platform/mail/render.ts'
import { startWorker } from '../../../src/processes/worker/start-worker.ts'
import { allEffects, effectsOf, noEffects } from '../../integration/purchases/payment-effects.ts'
import { eventOf, type Purchase } from '../../integration/purchases/shop.ts'
import { openProxiedInstance } from '../../proxied-instance.ts'
import { plainTheme } from '../../theme.ts'
import { until } from '../../until.ts'
import { openLocalShop } from './local-shop.ts'

// A fault is a 5xx, as if the event had never come: the gateway sends it again. A 204 is never taken back.

await compileAll(plainTheme, ['en'])
const shop = await openLocalShop({ singleRedis: true })
const proxied = await openProxiedInstance(shop)
test.after.always(async () => {
  await proxied[Symbol.asyncDispose]()
  await shop[Symbol.asyncDispose]()
})

const anId = () => `msg_${randomBytes(12).toString('hex')}`

const left = effectsOf(shop)

const heal = () => {
  proxied.redis.heal()
  proxied.postgres.heal()
}

/** Sends the event as the gateway does, until it is taken. */
const redeliver = (purchase: Purchase, id: string) =>
  until('the event to be taken', async () => {
    const { status } = await shop.sendEvent('payment_intent.succeeded', purchase, {
      id,
      client: proxied.client,
    })
    return status === 204
  })

for (const fault of ['cut', 'pause'] as const)
  test.serial(`Postgres is gone (${fault}): 503, nothing is written, and the event works later`, async t => {
    const purchase = await shop.aPurchase()
    const id = anId()
    proxied.postgres[fault]()
    const refused = await shop.sendEvent('payment_intent.succeeded', purchase, { id, client: proxied.client })
    heal()
    t.is(refused.status, 503, refused.text)
    t.is(refused.body.code, 'SERVICE_UNAVAILABLE')
    t.truthy(refused.headers.get('retry-after'))
    t.deepEqual(await left(purchase, id), noEffects)

    await redeliver(purchase, id)
    t.deepEqual(await left(purchase, id), allEffects)
  })

for (const [moment, mark] of [
  ['the event is written', 'INSERT INTO "webhook_events"'],
  ['the site is sold', 'UPDATE sites'],
  ['the mail is owed', 'INSERT INTO "emails"'],
] as const)
  test.serial(`the connection breaks when ${moment}: 503 and nothing of it stays`, async t => {
    const purchase = await shop.aPurchase()
    const id = anId()
    const lost = proxied.postgres.loseReplyTo(mark)
    const refused = await shop.sendEvent('payment_intent.succeeded', purchase, { id, client: proxied.client })
    await lost
    t.is(refused.status, 503, refused.text)
    t.deepEqual(await left(purchase, id), noEffects)
    await redeliver(purchase, id)
    t.deepEqual(await left(purchase, id), allEffects)
  })

test.serial(
  'the connection breaks when all is committed: the event comes again, and has no effect',
  async t => {
    const purchase = await shop.aPurchase()
    const id = anId()
    const lost = proxied.postgres.loseReplyTo('COMMIT')
    const unsure = await shop.sendEvent('payment_intent.succeeded', purchase, { id, client: proxied.client })
    await lost
    t.is(unsure.status, 503, unsure.text)
    t.deepEqual(await left(purchase, id), allEffects)
    await redeliver(purchase, id)
    t.deepEqual(await left(purchase, id), allEffects)
  },
)

test.serial('somebody holds the site for too long: 503, and the event works later', async t => {
  const purchase = await shop.aPurchase()
  const id = anId()
  // Past the app, whose own transactions may not rest for long.
  const holder = new pg.Client({ connectionString: shop.config.DATABASE_URL })
  await holder.connect()
  await holder.query('BEGIN')
  await holder.query('SELECT FROM sites WHERE slug = $1 FOR UPDATE', [purchase.slug])
  const refused = await shop.sendEvent('payment_intent.succeeded', purchase, { id, client: proxied.client })
  await holder.end()
  t.is(refused.status, 503, refused.text)
  t.deepEqual(await left(purchase, id), noEffects)
  await redeliver(purchase, id)
  t.deepEqual(await left(purchase, id), allEffects)
})

for (const fault of ['cut', 'pause'] as const)
  test.serial(
    `Redis is gone (${fault}): the event is taken, and the mails go out when it is back`,
    async t => {
      const purchase = await shop.aPurchase()
      const id = anId()
      proxied.redis[fault]()
      const taken = await shop.sendEvent('payment_intent.succeeded', purchase, { id, client: proxied.client })
      heal()
      t.is(taken.status, 204, taken.text)
      t.deepEqual(await left(purchase, id), allEffects)

      // What finds them is the sweeper. It leaves fresh rows alone for a while.
      const rows = await shop.sql<{ id: string }>('SELECT id FROM emails WHERE recipient = $1', [
        purchase.email,
      ])
      const jobs = await Promise.all(rows.map(row => shop.deps.queue.getJob(row.id)))
      // What was held back may arrive after all.
      if (fault === 'cut') t.deepEqual(jobs, [undefined, undefined])
      await shop.sql('UPDATE emails SET sweep_after = now() WHERE recipient = $1', [purchase.email])
      const worker = startWorker(shop.deps)
      const { mail } = await shop.mails.to(purchase.email, 2).finally(worker.close)
      t.truthy(mail.subject)
    },
  )

test.serial('forged events are refused while Postgres is gone, and cost it nothing', async t => {
  const purchase = await shop.aPurchase()
  proxied.postgres.cut()
  const headers = { 'svix-id': anId(), 'svix-timestamp': String(Math.floor(Date.now() / 1000)) }
  const body = eventOf('payment_intent.succeeded', purchase)
  const forged = await proxied.client.post('/api/v1/webhooks/recurrente', body, {
    headers: { ...headers, 'svix-signature': `v1,${randomBytes(32).toString('base64')}` },
  })
  heal()
  t.is(forged.status, 401)
})
