import test from 'ava'
import { anAccount, anEmail } from '../make.ts'
import { anApiWith, openAnyGateway, says } from './any-gateway.ts'
import { openShop } from './shop.ts'

const shop = await openShop()
const gateway = await openAnyGateway()
let count = 0
gateway.answer(reply => {
  count++
  says(201, { id: `ch_${count}`, checkout_url: `https://pay.example/ch_${count}`, more: 'of it' })(reply)
})
const RECURRENTE_URL = `${gateway.url}/v9/api`
const { client, close } = await anApiWith(shop, { RECURRENTE_URL })
test.after.always(async () => {
  await close()
  await gateway[Symbol.asyncDispose]()
  await shop[Symbol.asyncDispose]()
})

const guest = () => ({ email: anEmail(), full_name: 'Ada Lovelace' })
const sent = (id: string) => {
  const found = gateway.asked.filter(({ body }) => body.includes(id))
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
    'x-public-key': shop.config.RECURRENTE_PUBLIC_KEY,
    'x-secret-key': shop.config.RECURRENTE_SECRET_KEY,
    'content-type': 'application/json',
    'idempotency-key': body.purchase_id,
  })
  for (const name of ['authorization', 'cookie', 'x-forwarded-for', 'x-request-id']) t.false(name in headers)

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
  const api = await anApiWith(shop, { RECURRENTE_URL, FRONTEND_URL: 'https://shop.example' })
  t.teardown(api.close)
  const slug = await shop.aSite()
  const { body } = await api.client.post(`/api/v1/sites/${slug}/purchase`, guest())
  const { json } = sent(body.purchase_id)
  t.is(json.success_url, `https://shop.example/purchase-complete?purchase_id=${body.purchase_id}`)
  t.is(json.cancel_url, `https://shop.example/sites/${slug}`)
})

test('a checkout lives for as long as is configured', async t => {
  const api = await anApiWith(shop, { RECURRENTE_URL, RESERVATION_TTL: 2 * 3_600_000 })
  t.teardown(api.close)
  const before = Date.now()
  const { body } = await api.client.post(`/api/v1/sites/${await shop.aSite()}/purchase`, guest())
  t.is(sent(body.purchase_id).json.expires_at, body.expires_at)
  t.true(Math.abs(Date.parse(body.expires_at) - before - 2 * 3_600_000) < 60_000)
})
