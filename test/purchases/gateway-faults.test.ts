import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import test, { type ExecutionContext } from 'ava'
import type { Client } from '../client.ts'
import { anEmail } from '../make.ts'
import { anApiWith, nowhere, openAnyGateway, says } from './any-gateway.ts'
import { openShop } from './shop.ts'

const shop = await openShop({ env: { METRICS_PORT: '0' } })
const gateway = await openAnyGateway()
const { client, close } = await anApiWith(shop, { RECURRENTE_URL: `${gateway.url}/api` })
test.after.always(async () => {
  await close()
  await gateway[Symbol.asyncDispose]()
  await shop[Symbol.asyncDispose]()
})

/** Words of a gateway that are nobody's to see. */
const canary = `canary-${randomBytes(6).toString('hex')}`

const buy = (slug: string, by: Client = client) =>
  by.post(`/api/v1/sites/${slug}/purchase`, { email: anEmail(), full_name: 'Ada Lovelace' })
const served = (reply: ServerResponse) =>
  says(201, { id: `ch_${randomBytes(4).toString('hex')}`, checkout_url: `${gateway.url}/pay` })(reply)

const failures = async () =>
  Number(/^latchkey_gateway_failures_total (\d+)/m.exec(await shop.deps.metrics.text())?.[1] ?? 0)

/** Buys in vain, by an API whose gateway does not serve, and then not. Returns how long the refusal took. */
const isRefused = async (t: ExecutionContext, by: Client = client): Promise<number> => {
  const [slug, from, failed] = [await shop.aSite(), shop.logs.length, await failures()]
  const began = performance.now()
  const reply = await buy(slug, by)
  const took = performance.now() - began
  t.is(`${reply.status} ${reply.body.code}`, '503 SERVICE_UNAVAILABLE')
  t.is(reply.headers.get('retry-after'), '5')
  t.deepEqual(await shop.siteOf(slug), { status: 'available', held_by: null })
  const logs = shop.logs.slice(from).join('')
  t.regex(logs, /"level":"warn".*the payment gateway did not serve/)
  t.is(await failures(), failed + 1)
  for (const words of [canary, shop.config.RECURRENTE_SECRET_KEY, shop.config.RECURRENTE_PUBLIC_KEY])
    t.false((logs + reply.text).includes(String(words)))
  t.is((await buy(slug, shop.client)).status, 201, 'somebody else may have the site at once')
  return took
}

test.serial('a gateway that is down is asked twice, then the site is free again', async t => {
  const down = await anApiWith(shop, { RECURRENTE_URL: await nowhere() })
  t.teardown(down.close)
  await isRefused(t, down.client)
  t.regex(shop.logs.join(''), /"fault":"ECONNREFUSED"/)

  const before = gateway.connections()
  gateway.reset(9)
  await isRefused(t)
  t.is(gateway.connections() - before, 2)
  gateway.reset(0)
  t.is(gateway.asked.length, 0)
})

test.serial('a connection that is reset is no end: the second try is served', async t => {
  gateway.answer(served)
  gateway.reset(1)
  const failed = await failures()
  const slug = await shop.aSite()
  const { status, body } = await buy(slug)
  t.is(status, 201)
  t.like(await shop.siteOf(slug), { status: 'reserved', held_by: body.purchase_id })
  t.is(await failures(), failed, 'it served')
  t.is(gateway.asked.filter(({ body: sent }) => sent.includes(body.purchase_id)).length, 1)
})

test.serial('both tries are of one checkout: they carry the same key', async t => {
  let tries = 0
  gateway.answer(reply => (++tries === 1 ? reply.destroy() : served(reply)))
  const { status, body } = await buy(await shop.aSite())
  t.is(status, 201)
  const keys = gateway.asked.slice(-2).map(({ headers }) => headers['idempotency-key'])
  t.deepEqual(keys, [body.purchase_id, body.purchase_id])
})

test.serial('a gateway that hangs is not waited for', async t => {
  gateway.answer(() => {})
  const silent = await isRefused(t)
  // Headers alone are no answer either.
  gateway.answer(reply => reply.writeHead(201, { 'Content-Type': 'application/json' }).write('{"id":'))
  const slow = await isRefused(t)
  // 3.5 s, and what a busy machine makes of it.
  for (const took of [silent, slow]) t.true(took > 3000 && took < 10_000, `${took}`)
})

const answers: Record<string, (reply: ServerResponse) => void> = {
  'a refusal of the keys': says(401, { error: canary }),
  'a refusal of the request': says(422, { errors: { items: [canary] } }),
  'too many requests': says(429, { error: canary }, { 'Retry-After': '60' }),
  'a fault of its own': says(500, canary),
  'no JSON': says(201, `<html>${canary}</html>`),
  nothing: says(201, ''),
  null: says(201, 'null'),
  'a list': says(201, [canary]),
  'no id': says(201, { checkout_url: `https://pay.example/${canary}` }),
  'an id that is no text': says(201, { id: 7, checkout_url: `https://pay.example/${canary}` }),
  'an empty id': says(201, { id: '', checkout_url: `https://pay.example/${canary}` }),
  'no address': says(201, { id: 'ch_1', canary }),
  'an address that is a script': says(201, { id: 'ch_1', checkout_url: `javascript:alert("${canary}")` }),
  'an address of data': says(201, { id: 'ch_1', checkout_url: `data:text/html,${canary}` }),
  'an address without a host': says(201, { id: 'ch_1', checkout_url: `/pay/${canary}` }),
  'an address that is too long': says(201, {
    id: 'ch_1',
    checkout_url: `https://pay.example/${'x'.repeat(2100)}`,
  }),
}
for (const [what, answer] of Object.entries(answers))
  test.serial(`a gateway that answers with ${what} has not served, and is not asked again`, async t => {
    gateway.answer(answer)
    const before = gateway.asked.length
    await isRefused(t)
    t.is(gateway.asked.length - before, 1)
  })

test.serial('the keys go nowhere that the gateway sends them to', async t => {
  await using elsewhere = await openAnyGateway()
  elsewhere.answer(served)
  for (const status of [301, 302, 303, 307, 308]) {
    gateway.answer(says(status, '', { Location: `${elsewhere.url}/api/checkouts` }))
    await isRefused(t)
  }
  t.is(elsewhere.connections(), 0)
})
