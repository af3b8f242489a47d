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

// In an outage the reply is a 5xx and nothing is stored: the gateway sends the event again. After a 204 the effects last.

await compileAll(plainTheme, ['en'])
const shop = await openLocalShop({ singleRedis: true })
const proxied = await openProxiedInstance(shop)
test.after.always(async () => {
  await proxied[Symbol.asyncDispose]()
  await shop[Symbol.asyncDispose]()
})

const anId = () => `msg_${randomBytes(12).toString('hex')}`

const effects = effectsOf(shop)

const heal = () => {
  proxied.redis.heal()
  proxied.postgres.heal()
}

/** Sends the event, as the gateway does, until it is accepted. */
const redeliver = (purchase: Purchase, id: string) =>
  until('the event to be accepted', async () => {
    const { status } = await shop.sendEvent('payment_intent.succeeded', purchase, {
      id,
      client: proxied.client,
    })
    return status === 204
  })

for (const fault of ['cut', 'pause'] as const)
  test.serial(
    `Postgres fails (${fault}) when an event arrives → 503, nothing is stored, a retry works`,
    async t => {
      const purchase = await shop.aPurchase()
      const id = anId()
      proxied.postgres[fault]()
      const refused = await shop.sendEvent('payment_intent.succeeded', purchase, {
        id,
        client: proxied.client,
      })
      heal()
      t.is(refused.status, 503, refused.text)
      t.is(refused.body.code, 'SERVICE_UNAVAILABLE')
      t.truthy(refused.headers.get('retry-after'))
      t.deepEqual(await effects(purchase, id), noEffects)

      await redeliver(purchase, id)
      t.deepEqual(await effects(purchase, id), allEffects)
    },
  )

for (const [moment, bytes] of [
  ['the event is written', 'INSERT INTO "webhook_events"'],
  ['the site is sold', 'UPDATE sites'],
  ['the email is queued', 'INSERT INTO emails'],
] as const)
  test.serial(`the connection to Postgres breaks when ${moment} → 503, and nothing is stored`, async t => {
    const purchase = await shop.aPurchase()
    const id = anId()
    const lost = proxied.postgres.loseReplyTo(bytes)
    const refused = await shop.sendEvent('payment_intent.succeeded', purchase, { id, client: proxied.client })
    await lost
    t.is(refused.status, 503, refused.text)
    t.deepEqual(await effects(purchase, id), noEffects)
    await redeliver(purchase, id)
    t.deepEqual(await effects(purchase, id), allEffects)
  })

test.serial(
  'the connection to Postgres breaks after the commit → 503, and a retry changes nothing',
  async t => {
    const purchase = await shop.aPurchase()
    const id = anId()
    const lost = proxied.postgres.loseReplyTo('COMMIT')
    const uncertain = await shop.sendEvent('payment_intent.succeeded', purchase, {
      id,
      client: proxied.client,
    })
    await lost
    t.is(uncertain.status, 503, uncertain.text)
    t.deepEqual(await effects(purchase, id), allEffects)
    await redeliver(purchase, id)
    t.deepEqual(await effects(purchase, id), allEffects)
  },
)

test.serial('the row of the site is locked for too long → 503, and a retry works', async t => {
  const purchase = await shop.aPurchase()
  const id = anId()
  // A connection that bypasses the service, whose own idle transactions time out.
  const holder = new pg.Client({ connectionString: shop.config.DATABASE_URL })
  await holder.connect()
  await holder.query('BEGIN')
  await holder.query('SELECT FROM sites WHERE slug = $1 FOR UPDATE', [purchase.slug])
  const refused = await shop.sendEvent('payment_intent.succeeded', purchase, { id, client: proxied.client })
  await holder.end()
  t.is(refused.status, 503, refused.text)
  t.deepEqual(await effects(purchase, id), noEffects)
  await redeliver(purchase, id)
  t.deepEqual(await effects(purchase, id), allEffects)
})

for (const fault of ['cut', 'pause'] as const)
  test.serial(
    `Redis fails (${fault}) when an event arrives → 204, and its emails are sent later`,
    async t => {
      const purchase = await shop.aPurchase()
      const id = anId()
      proxied.redis[fault]()
      const accepted = await shop.sendEvent('payment_intent.succeeded', purchase, {
        id,
        client: proxied.client,
      })
      heal()
      t.is(accepted.status, 204, accepted.text)
      t.deepEqual(await effects(purchase, id), allEffects)

      // The sweep finds them. It waits for a while before it takes new rows.
      const rows = await shop.sql<{ id: string }>('SELECT id FROM emails WHERE recipient = $1', [
        purchase.email,
      ])
      const jobs = await Promise.all(rows.map(row => shop.deps.queue.open().getJob(row.id)))
      // After a pause the delayed commands may still arrive.
      if (fault === 'cut') t.deepEqual(jobs, [undefined, undefined])
      await shop.sql('UPDATE emails SET sweep_after = now() WHERE recipient = $1', [purchase.email])
      const worker = startWorker(shop.deps)
      const { mail } = await shop.mails.to(purchase.email, 2).finally(worker.close)
      t.truthy(mail.subject)
    },
  )

test.serial('a forged event arrives while Postgres is down → 401 without a query', async t => {
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
