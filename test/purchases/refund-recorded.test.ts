import test from 'ava'
import { v7 as uuid } from 'uuid'
import { anAccount } from '../make.ts'
import { openShop } from './shop.ts'

const shop = await openShop()
test.after.always(() => shop[Symbol.asyncDispose]())

const record = (id: string, token = shop.admin) =>
  shop.client.post(`/api/v1/admin/purchases/${id}/refunded`, undefined, { token })

const eventsOf = (type = 'purchase.refunded') =>
  shop.sql<{ user_id: string; actor_id: string }>(
    'SELECT user_id, actor_id FROM audit_events WHERE type = $1',
    [type],
  )

test.serial(
  'what an administrator gave back is refunded, its site for sale again, and who said so is kept',
  async t => {
    const purchase = await shop.aPurchase()
    await shop.tell('payment_intent.succeeded', purchase)
    t.is((await record(purchase.id)).status, 204)
    const row = await shop.rowOf(purchase.id)
    t.like(row, { status: 'refunded', issue: null })
    t.truthy(row.refunded_at)
    t.deepEqual(await shop.siteOf(purchase.slug), { status: 'available', held_by: null })
    const [event, ...more] = await eventsOf()
    t.is(event?.user_id, row.user_id as string)
    t.truthy(event?.actor_id)
    t.deepEqual(more, [])
    t.is((await record(purchase.id)).status, 204, 'once more changes nothing')
    t.is((await shop.tell('refund.succeeded', purchase)).status, 204)
    t.is((await eventsOf()).length, 1)
  },
)

test.serial('an amount that nobody asked for, given back in parts, is ended by hand', async t => {
  const purchase = await shop.aPurchase()
  await shop.tell('payment_intent.succeeded', purchase, { amount: 2 })
  for (const _ of [1, 2]) await shop.tell('refund.succeeded', purchase, { amount: 1 })
  t.is((await shop.rowOf(purchase.id)).issue, 'amount_mismatch')
  t.is((await record(purchase.id)).status, 204)
  t.like(await shop.rowOf(purchase.id), { status: 'refunded', issue: null })
  t.is((await shop.siteOf(purchase.slug)).status, 'available')
})

test.serial('what nobody paid is not given back, and nobody but an administrator says so', async t => {
  const purchase = await shop.aPurchase()
  t.is((await record(purchase.id)).body.code, 'FORBIDDEN')
  t.is((await record(uuid())).body.code, 'NOT_FOUND')
  await shop.tell('payment_intent.succeeded', purchase)
  t.is((await record(purchase.id, (await anAccount(shop.client)).access)).status, 403)
  t.like(await shop.rowOf(purchase.id), { status: 'paid' })
  t.is((await shop.siteOf(purchase.slug)).status, 'sold')
})
