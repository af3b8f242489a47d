import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import anyTest, { type ExecutionContext } from 'ava'
import { signedHeaders } from '../../../src/shop/gateway-stub/sample-events.ts'
import { anAccount, anEmail } from '../../fixtures.ts'
import { slowness } from '../../until.ts'
import type { Instance } from '../../world.ts'
import { openScriptedGateway, replyWith, unreachableUrl } from './scripted-gateway.ts'
import { openShop, price, secret, webhookPath } from './shop.ts'

// The payment gateway: what is sent to it, and how the API reacts when it fails.

const test = anyTest.serial

const shop = await openShop({ env: { METRICS_PORT: '0' } })
const gateway = await openScriptedGateway()
const scripted = await shop.instance({ RECURRENTE_URL: `${gateway.url}/api` })
const requestShop = await openShop()
const requestGateway = await openScriptedGateway()
const RECURRENTE_URL = `${requestGateway.url}/v9/api`
const requestApi = await requestShop.instance({ RECURRENTE_URL })
anyTest.after.always(async () => {
  for (const each of [shop, requestShop, gateway, requestGateway]) await each[Symbol.asyncDispose]()
})

{
  /** A text in replies of the gateway that must not appear in logs or in replies of the API. */
  const canary = `canary-${randomBytes(6).toString('hex')}`

  const buy = (slug: string, by: Pick<Instance, 'client'> = scripted) =>
    by.client.post(`/api/v1/sites/${slug}/purchase`, { email: anEmail(), full_name: 'Ada Lovelace' })
  const replyWithCheckout = (reply: ServerResponse) =>
    replyWith(201, { id: `ch_${randomBytes(8).toString('hex')}`, checkout_url: `${gateway.url}/pay` })(reply)

  const failures = async (of: Instance) =>
    Number(/^latchkey_gateway_failures_total (\d+)/m.exec(await of.metrics())?.[1] ?? 0)

  /** Asserts that a purchase fails with 503 and leaves the site available. Returns how long the reply took. */
  const assertUnavailable = async (t: ExecutionContext, by: Instance = scripted): Promise<number> => {
    const [slug, from, failed] = [await shop.aSite(), await shop.logMark(), await failures(by)]
    const began = performance.now()
    const reply = await buy(slug, by)
    const took = performance.now() - began
    t.is(`${reply.status} ${reply.body.code}`, '503 SERVICE_UNAVAILABLE')
    t.is(reply.headers.get('retry-after'), '5')
    t.deepEqual(await shop.siteOf(slug), { status: 'available', held_by: null })
    const logs = (await shop.logs(from)).join('')
    t.regex(logs, /"level":"warn".*the payment gateway request failed/)
    t.is(await failures(by), failed + 1)
    for (const secretText of [canary, shop.env.RECURRENTE_SECRET_KEY, shop.env.RECURRENTE_PUBLIC_KEY])
      t.false((logs + reply.text).includes(String(secretText)))
    t.is((await buy(slug, shop)).status, 201, 'another buyer can reserve the site immediately')
    return took
  }

  test('gateway is down → two attempts, then 503 and the site is available again', async t => {
    const down = await shop.instance({ RECURRENTE_URL: await unreachableUrl() })
    t.teardown(down.close)
    await assertUnavailable(t, down)
    t.regex((await shop.logs()).join(''), /"fault":"ECONNREFUSED"/)

    const before = gateway.connections()
    gateway.reset(9)
    await assertUnavailable(t)
    t.is(gateway.connections() - before, 2)
    gateway.reset(0)
    t.is(gateway.requests.length, 0)
  })

  test('gateway resets one connection → the second attempt succeeds', async t => {
    gateway.answer(replyWithCheckout)
    gateway.reset(1)
    const failed = await failures(scripted)
    const slug = await shop.aSite()
    const { status, body } = await buy(slug)
    t.is(status, 201)
    t.like(await shop.siteOf(slug), { status: 'reserved', held_by: body.purchase_id })
    t.is(await failures(scripted), failed, 'no failure is counted')
    t.is(gateway.requests.filter(({ body: sent }) => sent.includes(body.purchase_id)).length, 1)
  })

  test('both attempts carry the same idempotency key, so that one checkout is opened', async t => {
    let tries = 0
    gateway.answer(reply => (++tries === 1 ? reply.destroy() : replyWithCheckout(reply)))
    const { status, body } = await buy(await shop.aSite())
    t.is(status, 201)
    const keys = gateway.requests.slice(-2).map(({ headers }) => headers['idempotency-key'])
    t.deepEqual(keys, [body.purchase_id, body.purchase_id])
  })

  test('gateway hangs, also after its headers → 503 after about 3.5 s', async t => {
    gateway.answer(() => {})
    const silent = await assertUnavailable(t)
    // Headers without a complete body are no reply either.
    gateway.answer(reply => reply.writeHead(201, { 'Content-Type': 'application/json' }).write('{"id":'))
    const slow = await assertUnavailable(t)
    // The timeout is 3.5 s. The upper bound leaves room for a busy machine.
    for (const took of [silent, slow]) t.true(took > 3000 && took < 10_000 * slowness, `${took}`)
  })

  const answers: Record<string, (reply: ServerResponse) => void> = {
    '401': replyWith(401, { error: canary }),
    '422': replyWith(422, { errors: { items: [canary] } }),
    '429': replyWith(429, { error: canary }, { 'Retry-After': '60' }),
    '500': replyWith(500, canary),
    'a body that is not JSON': replyWith(201, `<html>${canary}</html>`),
    'an empty body': replyWith(201, ''),
    null: replyWith(201, 'null'),
    'a JSON array': replyWith(201, [canary]),
    'no id': replyWith(201, { checkout_url: `https://pay.example/${canary}` }),
    'an id that is a number': replyWith(201, { id: 7, checkout_url: `https://pay.example/${canary}` }),
    'an empty id': replyWith(201, { id: '', checkout_url: `https://pay.example/${canary}` }),
    'no checkout URL': replyWith(201, { id: 'ch_1', canary }),
    'a javascript: URL': replyWith(201, {
      id: 'ch_1',
      checkout_url: `javascript:alert("${canary}")`,
    }),
    'a data: URL': replyWith(201, { id: 'ch_1', checkout_url: `data:text/html,${canary}` }),
    'a URL without a host': replyWith(201, { id: 'ch_1', checkout_url: `/pay/${canary}` }),
    'a URL that is too long': replyWith(201, {
      id: 'ch_1',
      checkout_url: `https://pay.example/${'x'.repeat(2100)}`,
    }),
  }
  for (const [what, answer] of Object.entries(answers))
    test(`gateway answers with ${what} → 503 after one attempt`, async t => {
      gateway.answer(answer)
      const before = gateway.requests.length
      await assertUnavailable(t)
      t.is(gateway.requests.length - before, 1)
    })

  test('gateway answers with a redirect → it is not followed, and the keys are not sent there', async t => {
    await using redirectTarget = await openScriptedGateway()
    redirectTarget.answer(replyWithCheckout)
    for (const status of [301, 302, 303, 307, 308]) {
      gateway.answer(replyWith(status, '', { Location: `${redirectTarget.url}/api/checkouts` }))
      await assertUnavailable(t)
    }
    t.is(redirectTarget.connections(), 0)
  })
}

{
  const shop = requestShop
  const gateway = requestGateway
  const { client } = requestApi
  let count = 0
  gateway.answer(reply => {
    count++
    replyWith(201, { id: `ch_${count}`, checkout_url: `https://pay.example/ch_${count}`, more: 'of it' })(
      reply,
    )
  })
  const guest = () => ({ email: anEmail(), full_name: 'Ada Lovelace' })
  const sent = (id: string) => {
    const found = gateway.requests.filter(({ body }) => body.includes(id))
    if (found.length !== 1 || !found[0]) throw new Error(`asked ${found.length} times`)
    return { ...found[0], json: JSON.parse(found[0].body) }
  }

  test('checkout request → contains item, amount, currency and expiry, and nothing else', async t => {
    const slug = await shop.aSite({ name: 'Panadería <b>"Ñandú"</b>', price: 1_250_001, currency: 'USD' })
    const before = Date.now()
    const { status, body } = await client.post(`/api/v1/sites/${slug}/purchase`, guest())
    t.is(status, 201)
    const { method, path, headers, json } = sent(body.purchase_id)
    t.is(`${method} ${path}`, 'POST /v9/api/checkouts')
    t.deepEqual(json, {
      items: [{ name: 'Panadería <b>"Ñandú"</b>', currency: 'USD', amount_in_cents: 1_250_001, quantity: 1 }],
      expires_at: body.expires_at,
      metadata: { purchase_id: body.purchase_id },
    })
    t.like(headers, {
      'x-public-key': shop.env.RECURRENTE_PUBLIC_KEY,
      'x-secret-key': shop.env.RECURRENTE_SECRET_KEY,
      'content-type': 'application/json',
      'idempotency-key': body.purchase_id,
    })
    for (const name of ['authorization', 'cookie', 'x-forwarded-for', 'x-request-id'])
      t.false(name in headers)

    t.deepEqual(Object.keys(body).sort(), ['checkout_url', 'expires_at', 'purchase_id'])
    t.regex(body.checkout_url, /^https:\/\/pay\.example\/ch_\d+$/)
    const life = Date.parse(body.expires_at) - before
    t.true(Math.abs(life - 30 * 60_000) < 60_000, `${life}`)
    const row = await shop.rowOf(body.purchase_id)
    t.is((row.expires_at as Date).toISOString(), body.expires_at)
  })

  test('site with an image → its URL is sent to the gateway', async t => {
    const slug = await shop.aSite({ image_url: 'https://img.example/bakery.png' })
    const { body } = await client.post(`/api/v1/sites/${slug}/purchase`, guest())
    t.is(sent(body.purchase_id).json.items[0].image_url, 'https://img.example/bakery.png')
  })

  test('checkout request → contains no email, name, id, token, cookie or key of the buyer', async t => {
    const { access, email, userId } = await anAccount(client, { full_name: 'Grace Hopper' })
    const { body } = await client.post(
      `/api/v1/sites/${await shop.aSite()}/purchase`,
      {},
      { token: access, headers: { 'idempotency-key': 'my-own-key', cookie: 'a=b' } },
    )
    const { headers, body: text } = sent(body.purchase_id)
    const all = JSON.stringify(headers) + text
    for (const word of [email, userId, 'Grace', access, 'my-own-key', 'a=b']) t.false(all.includes(word))
  })

  test('FRONTEND_URL is set → buyers return to the front end after the checkout', async t => {
    const api = await shop.instance({ RECURRENTE_URL, FRONTEND_URL: 'https://shop.example' })
    t.teardown(api.close)
    const slug = await shop.aSite()
    const { body } = await api.client.post(`/api/v1/sites/${slug}/purchase`, guest())
    const { json } = sent(body.purchase_id)
    t.is(json.success_url, `https://shop.example/purchase-complete?purchase_id=${body.purchase_id}`)
    t.is(json.cancel_url, `https://shop.example/sites/${slug}`)
  })

  test('RESERVATION_TTL is set → the checkout expires after it', async t => {
    const api = await shop.instance({ RECURRENTE_URL, RESERVATION_TTL: '2h' })
    t.teardown(api.close)
    const before = Date.now()
    const { body } = await api.client.post(`/api/v1/sites/${await shop.aSite()}/purchase`, guest())
    t.is(sent(body.purchase_id).json.expires_at, body.expires_at)
    t.true(Math.abs(Date.parse(body.expires_at) - before - 2 * 3_600_000) < 60_000)
  })
}

test('gateway hangs → a reconcile run queries 10 of 25 checkouts, in parallel, and ends', async t => {
  await using shop = await openShop()
  const load = { all: 0, now: 0, most: 0 }
  await using hanging = createServer((_, reply) => {
    load.all++
    load.most = Math.max(load.most, ++load.now)
    reply.on('close', () => load.now--)
  })
  hanging.listen(0, '127.0.0.1')
  await once(hanging, 'listening')
  const { port } = hanging.address() as AddressInfo
  for (let i = 0; i < 25; i++) await shop.aPurchase()
  await shop.sql(`UPDATE purchases SET look_after = now()`)

  const config = { RECURRENTE_URL: `http://127.0.0.1:${port}` }
  t.is(await shop.run('reconcile', config), 10)
  hanging.closeAllConnections()
  t.like(load, { all: 10, most: 10 })
  t.is((await shop.sql(`SELECT FROM purchases WHERE look_after > now()`)).length, 10)
  t.is((await shop.sql(`SELECT FROM purchases WHERE status = 'pending'`)).length, 25)
})

{
  const shop = requestShop
  const sendEvent = (event: object) => {
    const body = JSON.stringify(event)
    return shop.client.post(webhookPath, body, { headers: signedHeaders(secret, body) })
  }

  test('webhook event with a NUL character → no 5xx', async t => {
    const { checkoutId, id } = await shop.aPurchase()
    const paid = { event_type: 'payment_intent.succeeded', amount_in_cents: price, currency: 'GTQ' }
    const statuses = [
      (await sendEvent({ event_type: 'a\0b' })).status,
      (await sendEvent({ ...paid, checkout: { id: 'ch\0' } })).status,
      (await sendEvent({ event_type: 'refund.succeeded', payment_intent_id: 'pa\0' })).status,
      (await sendEvent({ ...paid, id: 'pa\0', checkout: { id: checkoutId } })).status,
    ]
    t.deepEqual(statuses, [400, 204, 204, 204])
    t.like(await shop.rowOf(id), { status: 'paid', payment_id: null })
  })
}
