import test from 'ava'
import type { Client } from '../client.ts'
import { anAccount, anEmail } from '../make.ts'
import { anApiWith, nowhere } from './any-gateway.ts'
import { openShop } from './shop.ts'

const shop = await openShop()
const { client, sql } = shop
test.after.always(() => shop[Symbol.asyncDispose]())

type Options = { body?: unknown; token?: string; by?: Client }

const buy = (slug: string, key: string, { body, token, by = client }: Options = {}) =>
  by.post(`/api/v1/sites/${slug}/purchase`, body ?? {}, { token, headers: { 'idempotency-key': key } })
const ada = () => ({ email: anEmail(), full_name: 'Ada Lovelace' })
const purchasesOf = (email: string) =>
  sql<{ id: string; status: string; idempotency_key: string | null }>(
    'SELECT * FROM purchases WHERE email = $1 ORDER BY id',
    [email],
  )
/** What the gateway was asked to open for these. */
const checkoutsOf = (ids: string[]) =>
  [...shop.gateway.checkouts.values()].filter(({ metadata }) => ids.includes(metadata?.purchase_id ?? ''))

test('the same request with the same key is done once and answered the same, at any instance', async t => {
  const [slug, body, { client: other }] = [await shop.aSite(), ada(), await shop.instance()]
  const first = await buy(slug, 'cart-1', { body })
  t.is(first.status, 201)
  for (const by of [client, other]) {
    const again = await buy(slug, 'cart-1', { body, by })
    t.is(again.status, 201)
    t.deepEqual(again.body, first.body)
  }
  const rows = await purchasesOf(body.email)
  t.is(rows.length, 1)
  t.is(checkoutsOf(rows.map(({ id }) => id)).length, 1)
  t.not(rows[0]?.idempotency_key, 'cart-1', 'the key is kept as a hash')
})

test('the spelling of an address does not make another request', async t => {
  const [slug, body] = [await shop.aSite(), ada()]
  const first = await buy(slug, 'cart-1', { body })
  const again = await buy(slug, 'cart-1', { body: { ...body, email: body.email.toUpperCase() } })
  t.deepEqual(again.body, first.body)
})

test('of 20 such requests at once, at two instances, one is done; none is told anything else', async t => {
  const [slug, body, { client: other }] = [await shop.aSite(), ada(), await shop.instance()]
  const replies = await Promise.all(
    Array.from({ length: 20 }, (_, i) => buy(slug, 'cart-1', { body, by: i % 2 ? other : client })),
  )
  const served = replies.filter(({ status }) => status === 201)
  t.true(served.length >= 1)
  t.is(new Set(served.map(({ text }) => text)).size, 1)
  for (const { status, body: refusal, headers } of replies.filter(reply => !served.includes(reply))) {
    t.is(`${status} ${refusal.code}`, '409 REQUEST_IN_PROGRESS')
    t.is(headers.get('retry-after'), '2')
  }
  const rows = await purchasesOf(body.email)
  t.is(rows.length, 1)
  t.is(checkoutsOf(rows.map(({ id }) => id)).length, 1)
  t.deepEqual((await buy(slug, 'cart-1', { body })).body, served[0]?.body)
})

test('a key stands for one request: another site or another name is refused, and reserves nothing', async t => {
  const [slug, second, body] = [await shop.aSite(), await shop.aSite(), ada()]
  t.is((await buy(slug, 'cart-1', { body })).status, 201)
  for (const reply of [
    await buy(second, 'cart-1', { body }),
    await buy(slug, 'cart-1', { body: { ...body, full_name: 'Ada King' } }),
    await buy('no-such-site', 'cart-1', { body }),
  ]) {
    t.is(`${reply.status} ${reply.body.code}`, '422 IDEMPOTENCY_KEY_REUSED')
    t.notRegex(reply.text, /checkout/)
  }
  t.is((await shop.siteOf(second)).status, 'available')
})

test('of two sites asked for at once with one key, one is bought', async t => {
  const [slugs, body] = [[await shop.aSite(), await shop.aSite()], ada()]
  const replies = await Promise.all(
    Array.from({ length: 10 }, (_, i) => buy(slugs[i % 2] ?? '', 'cart-1', { body })),
  )
  t.true(replies.some(({ status }) => status === 201))
  const told = new Set(replies.map(({ status, body: { code } }) => `${status} ${code ?? ''}`.trim()))
  for (const each of told)
    t.true(/^(?:201|409 REQUEST_IN_PROGRESS|422 IDEMPOTENCY_KEY_REUSED)$/.test(each), each)
  t.is((await purchasesOf(body.email)).length, 1)
  const states = await Promise.all(slugs.map(async slug => (await shop.siteOf(slug)).status))
  t.deepEqual(states.sort(), ['available', 'reserved'])
})

test('a key is its owner’s: another guest or account is shown nothing of the first one’s checkout', async t => {
  const [slug, body] = [await shop.aSite(), ada()]
  const first = await buy(slug, 'cart-1', { body })
  const [one, two] = [await anAccount(client), await anAccount(client)]
  for (const asked of [{ body: ada() }, { token: one.access }, { token: two.access }]) {
    const reply = await buy(slug, 'cart-1', asked)
    t.is(`${reply.status} ${reply.body.code}`, '409 SITE_UNAVAILABLE')
    t.notRegex(reply.text, new RegExp(first.body.purchase_id))
  }
  const other = await shop.aSite()
  const theirs = await buy(other, 'cart-1', { token: one.access })
  t.is(theirs.status, 201, 'the same word is a key of theirs')
  t.deepEqual((await buy(other, 'cart-1', { token: one.access })).body, theirs.body)
  t.is((await buy(other, 'cart-1', { token: two.access })).body.code, 'SITE_UNAVAILABLE')
})

test('a guest with the address of an account does not reach what the account was answered', async t => {
  const [slug, { access, email }] = [
    await shop.aSite(),
    await anAccount(client, { full_name: 'Ada Lovelace' }),
  ]
  t.is((await buy(slug, 'cart-1', { token: access })).status, 201)
  const stranger = await buy(slug, 'cart-1', { body: { email, full_name: 'Ada Lovelace' } })
  t.is(stranger.body.code, 'SITE_UNAVAILABLE')
  t.notRegex(stranger.text, /checkout_url/)
})

test('a key that is none is refused', async t => {
  const [slug, body] = [await shop.aSite(), ada()]
  for (const key of ['', 'a b', 'x'.repeat(256), 'é', 'a\tb']) {
    const reply = await buy(slug, key, { body })
    t.is(reply.status, 400, JSON.stringify(key))
    t.is(reply.body.errors[0].path, 'idempotency-key')
  }
  t.is((await shop.siteOf(slug)).status, 'available')
  t.is((await buy(slug, 'x'.repeat(255), { body })).status, 201)
})

test('after a gateway that did not serve, the same key tries anew', async t => {
  const [slug, body] = [await shop.aSite(), ada()]
  const dead = await anApiWith(shop, { RECURRENTE_URL: await nowhere() })
  t.teardown(dead.close)
  t.is((await buy(slug, 'cart-1', { body, by: dead.client })).status, 503)
  const { status, body: begun } = await buy(slug, 'cart-1', { body })
  t.is(status, 201)
  const rows = await purchasesOf(body.email)
  t.deepEqual(
    rows.map(row => row.status),
    ['expired', 'pending'],
  )
  t.is(rows[1]?.id, begun.purchase_id)
})

test('a request that was answered is answered the same when it is paid', async t => {
  const [slug, body] = [await shop.aSite(), ada()]
  const { body: first } = await buy(slug, 'cart-1', { body })
  const checkoutId = first.checkout_url.split('/').at(-1)
  const about = { id: first.purchase_id, checkoutId, slug, email: body.email, checkoutUrl: '', expiresAt: '' }
  t.is((await shop.tell('payment_intent.succeeded', about)).status, 204)
  t.deepEqual((await buy(slug, 'cart-1', { body })).body, first)
  t.is((await purchasesOf(body.email)).length, 1)
})
