import test from 'ava'
import { signedHeaders } from '../../src/local/sample-events.ts'
import { openShop, price, secret, webhookPath } from './shop.ts'

const shop = await openShop()
test.after.always(() => shop[Symbol.asyncDispose]())

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
