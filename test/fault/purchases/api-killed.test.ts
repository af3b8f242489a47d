import test from 'ava'
import { reconcile } from '../../../src/shop/purchases/reconcile.ts'
import { anApi } from '../../chaos/processes.ts'
import { anEmail } from '../../fixtures.ts'
import { openScriptedGateway } from '../../integration/purchases/scripted-gateway.ts'
import { kill } from '../../spawn.ts'
import { until } from '../../until.ts'
import { openLocalShop } from './local-shop.ts'

const shop = await openLocalShop()
const gateway = await openScriptedGateway()
test.after.always(async () => {
  await gateway[Symbol.asyncDispose]()
  await shop[Symbol.asyncDispose]()
})

test('the API crashes between the reservation of a site and its checkout → the site is released', async t => {
  gateway.answer(() => {})
  const { child, client } = await anApi(shop, { RECURRENTE_URL: `${gateway.url}/api` })
  const [slug, email] = [await shop.aSite(), anEmail()]
  const headers = { 'idempotency-key': 'cart-1' }
  const body = { email, full_name: 'Ada' }
  const lost = client.post(`/api/v1/sites/${slug}/purchase`, body, { headers }).catch(() => null)
  await until('the gateway is asked', () => gateway.requests.length > 0)
  await kill(child)
  t.is(await lost, null)
  const { status, held_by: id } = await shop.siteOf(slug)
  t.is(status, 'reserved')
  if (!id) throw new Error('no purchase holds the site')

  const again = () => shop.client.post(`/api/v1/sites/${slug}/purchase`, body, { headers })
  const meanwhile = await again()
  t.is(`${meanwhile.status} ${meanwhile.body.code}`, '409 REQUEST_IN_PROGRESS')
  await reconcile(shop.deps)
  t.is((await shop.siteOf(slug)).status, 'reserved', 'the API might still be waiting for the gateway')

  await shop.sql("UPDATE purchases SET look_after = now() - interval '1 second' WHERE id = $1", [id])
  t.is(await reconcile(shop.deps), 1)
  t.deepEqual(await shop.siteOf(slug), { status: 'available', held_by: null })
  t.like(await shop.rowOf(id), { status: 'expired', idempotency_key: null, checkout_id: null })
  t.is((await again()).status, 201, 'the same key starts a new purchase')
})
