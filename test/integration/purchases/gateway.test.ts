import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import anyTest, { type ExecutionContext } from 'ava'
import { signedHeaders } from '../../../src/shop/gateway-stub/sample-events.ts'
import { anAccount, anEmail } from '../../fixtures.ts'
import type { Instance } from '../../world.ts'
import { openScriptedGateway, replyWith, unreachableUrl } from './scripted-gateway.ts'
import { openShop, price, secret, webhookPath } from './shop.ts'

// The payment gateway: what it is told, and its faults.

const test = anyTest.serial

const shop = await openShop({ env: { METRICS_PORT: '0' } })
const gateway = await openScriptedGateway()
const asking = await shop.instance({ RECURRENTE_URL: `${gateway.url}/api` })
const toldShop = await openShop()
const toldGateway = await openScriptedGateway()
const RECURRENTE_URL = `${toldGateway.url}/v9/api`
const told = await toldShop.instance({ RECURRENTE_URL })
anyTest.after.always(async () => {
  for (const each of [shop, toldShop, gateway, toldGateway]) await each[Symbol.asyncDispose]()
})

{
  /** Words of a gateway that are nobody's to see. */
  const canary = `canary-${randomBytes(6).toString('hex')}`

  const buy = (slug: string, by: Pick<Instance, 'client'> = asking) =>
    by.client.post(`/api/v1/sites/${slug}/purchase`, { email: anEmail(), full_name: 'Ada Lovelace' })
  const served = (reply: ServerResponse) =>
    replyWith(201, { id: `ch_${randomBytes(4).toString('hex')}`, checkout_url: `${gateway.url}/pay` })(reply)

  const failures = async (of: Instance) =>
    Number(/^latchkey_gateway_failures_total (\d+)/m.exec(await of.metrics())?.[1] ?? 0)

  /** Buys in vain, by an API whose gateway does not serve, and then not. Returns how long the refusal took. */
  const isRefused = async (t: ExecutionContext, by: Instance = asking): Promise<number> => {
    const [slug, from, failed] = [await shop.aSite(), await shop.logMark(), await failures(by)]
    const began = performance.now()
    const reply = await buy(slug, by)
    const took = performance.now() - began
    t.is(`${reply.status} ${reply.body.code}`, '503 SERVICE_UNAVAILABLE')
    t.is(reply.headers.get('retry-after'), '5')
    t.deepEqual(await shop.siteOf(slug), { status: 'available', held_by: null })
    const logs = (await shop.logs(from)).join('')
    t.regex(logs, /"level":"warn".*the payment gateway did not serve/)
    t.is(await failures(by), failed + 1)
    for (const words of [canary, shop.env.RECURRENTE_SECRET_KEY, shop.env.RECURRENTE_PUBLIC_KEY])
      t.false((logs + reply.text).includes(String(words)))
    t.is((await buy(slug, shop)).status, 201, 'somebody else may have the site at once')
    return took
  }

  test('a gateway that is down is asked twice, then the site is free again', async t => {
    const down = await shop.instance({ RECURRENTE_URL: await unreachableUrl() })
    t.teardown(down.close)
    await isRefused(t, down)
    t.regex((await shop.logs()).join(''), /"fault":"ECONNREFUSED"/)

    const before = gateway.connections()
    gateway.reset(9)
    await isRefused(t)
    t.is(gateway.connections() - before, 2)
    gateway.reset(0)
    t.is(gateway.requests.length, 0)
  })

  test('a connection that is reset is no end: the second try is served', async t => {
    gateway.answer(served)
    gateway.reset(1)
    const failed = await failures(asking)
    const slug = await shop.aSite()
    const { status, body } = await buy(slug)
    t.is(status, 201)
    t.like(await shop.siteOf(slug), { status: 'reserved', held_by: body.purchase_id })
    t.is(await failures(asking), failed, 'it served')
    t.is(gateway.requests.filter(({ body: sent }) => sent.includes(body.purchase_id)).length, 1)
  })

  test('both tries are of one checkout: they carry the same key', async t => {
    let tries = 0
    gateway.answer(reply => (++tries === 1 ? reply.destroy() : served(reply)))
    const { status, body } = await buy(await shop.aSite())
    t.is(status, 201)
    const keys = gateway.requests.slice(-2).map(({ headers }) => headers['idempotency-key'])
    t.deepEqual(keys, [body.purchase_id, body.purchase_id])
  })

  test('a gateway that hangs is not waited for', async t => {
    gateway.answer(() => {})
    const silent = await isRefused(t)
    // Headers alone are no answer either.
    gateway.answer(reply => reply.writeHead(201, { 'Content-Type': 'application/json' }).write('{"id":'))
    const slow = await isRefused(t)
    // 3.5 s, and what a busy machine makes of it.
    for (const took of [silent, slow]) t.true(took > 3000 && took < 10_000, `${took}`)
  })

  const answers: Record<string, (reply: ServerResponse) => void> = {
    'a refusal of the keys': replyWith(401, { error: canary }),
    'a refusal of the request': replyWith(422, { errors: { items: [canary] } }),
    'too many requests': replyWith(429, { error: canary }, { 'Retry-After': '60' }),
    'a fault of its own': replyWith(500, canary),
    'no JSON': replyWith(201, `<html>${canary}</html>`),
    nothing: replyWith(201, ''),
    null: replyWith(201, 'null'),
    'a list': replyWith(201, [canary]),
    'no id': replyWith(201, { checkout_url: `https://pay.example/${canary}` }),
    'an id that is no text': replyWith(201, { id: 7, checkout_url: `https://pay.example/${canary}` }),
    'an empty id': replyWith(201, { id: '', checkout_url: `https://pay.example/${canary}` }),
    'no address': replyWith(201, { id: 'ch_1', canary }),
    'an address that is a script': replyWith(201, {
      id: 'ch_1',
      checkout_url: `javascript:alert("${canary}")`,
    }),
    'an address of data': replyWith(201, { id: 'ch_1', checkout_url: `data:text/html,${canary}` }),
    'an address without a host': replyWith(201, { id: 'ch_1', checkout_url: `/pay/${canary}` }),
    'an address that is too long': replyWith(201, {
      id: 'ch_1',
      checkout_url: `https://pay.example/${'x'.repeat(2100)}`,
    }),
  }
  for (const [what, answer] of Object.entries(answers))
    test(`a gateway that answers with ${what} has not served, and is not asked again`, async t => {
      gateway.answer(answer)
      const before = gateway.requests.length
      await isRefused(t)
      t.is(gateway.requests.length - before, 1)
    })

  test('the keys go nowhere that the gateway sends them to', async t => {
    await using elsewhere = await openScriptedGateway()
    elsewhere.answer(served)
    for (const status of [301, 302, 303, 307, 308]) {
      gateway.answer(replyWith(status, '', { Location: `${elsewhere.url}/api/checkouts` }))
      await isRefused(t)
    }
    t.is(elsewhere.connections(), 0)
  })
}

{
  const shop = toldShop
  const gateway = toldGateway
  const { client } = told
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

  test('the gateway is told what is bought, for how much and until when, and no more', async t => {
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

  test('an image goes along where there is one', async t => {
    const slug = await shop.aSite({ image_url: 'https://img.example/bakery.png' })
    const { body } = await client.post(`/api/v1/sites/${slug}/purchase`, guest())
    t.is(sent(body.purchase_id).json.items[0].image_url, 'https://img.example/bakery.png')
  })

  test('nothing of a buyer is told: neither who they are nor how they are signed in', async t => {
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

  test('buyers come back to the front end where there is one', async t => {
    const api = await shop.instance({ RECURRENTE_URL, FRONTEND_URL: 'https://shop.example' })
    t.teardown(api.close)
    const slug = await shop.aSite()
    const { body } = await api.client.post(`/api/v1/sites/${slug}/purchase`, guest())
    const { json } = sent(body.purchase_id)
    t.is(json.success_url, `https://shop.example/purchase-complete?purchase_id=${body.purchase_id}`)
    t.is(json.cancel_url, `https://shop.example/sites/${slug}`)
  })

  test('a checkout lives for as long as is configured', async t => {
    const api = await shop.instance({ RECURRENTE_URL, RESERVATION_TTL: '2h' })
    t.teardown(api.close)
    const before = Date.now()
    const { body } = await api.client.post(`/api/v1/sites/${await shop.aSite()}/purchase`, guest())
    t.is(sent(body.purchase_id).json.expires_at, body.expires_at)
    t.true(Math.abs(Date.parse(body.expires_at) - before - 2 * 3_600_000) < 60_000)
  })
}

test('a gateway that hangs holds up no worker: a round asks about a few checkouts at once, and ends', async t => {
  await using shop = await openShop()
  const asked = { all: 0, now: 0, most: 0 }
  await using hanging = createServer((_, reply) => {
    asked.all++
    asked.most = Math.max(asked.most, ++asked.now)
    reply.on('close', () => asked.now--)
  })
  hanging.listen(0, '127.0.0.1')
  await once(hanging, 'listening')
  const { port } = hanging.address() as AddressInfo
  for (let i = 0; i < 25; i++) await shop.aPurchase()
  await shop.sql(`UPDATE purchases SET look_after = now()`)

  const config = { RECURRENTE_URL: `http://127.0.0.1:${port}` }
  t.is(await shop.run('reconcile', config), 10)
  hanging.closeAllConnections()
  t.like(asked, { all: 10, most: 10 })
  t.is((await shop.sql(`SELECT FROM purchases WHERE look_after > now()`)).length, 10)
  t.is((await shop.sql(`SELECT FROM purchases WHERE status = 'pending'`)).length, 25)
})

{
  const shop = toldShop
  const tell = (event: object) => {
    const body = JSON.stringify(event)
    return shop.client.post(webhookPath, body, { headers: signedHeaders(secret, body) })
  }

  test('an event with a NUL where Postgres would keep it fails no request', async t => {
    const { checkoutId, id } = await shop.aPurchase()
    const paid = { event_type: 'payment_intent.succeeded', amount_in_cents: price, currency: 'GTQ' }
    const statuses = [
      (await tell({ event_type: 'a\0b' })).status,
      (await tell({ ...paid, checkout: { id: 'ch\0' } })).status,
      (await tell({ event_type: 'refund.succeeded', payment_intent_id: 'pa\0' })).status,
      (await tell({ ...paid, id: 'pa\0', checkout: { id: checkoutId } })).status,
    ]
    t.deepEqual(statuses, [400, 204, 204, 204])
    t.like(await shop.rowOf(id), { status: 'paid', payment_id: null })
  })
}
