import test from 'ava'
import { forgetBuyers } from '../../src/purchases/forget-buyers.ts'
import { anEmail } from '../make.ts'
import { openShop } from './shop.ts'

const shop = await openShop()
const { client, sql } = shop
test.after.always(() => shop[Symbol.asyncDispose]())

const buy = (slug: string, email: string) =>
  client.post(
    `/api/v1/sites/${slug}/purchase`,
    { email, full_name: 'Ada Lovelace' },
    { headers: { 'idempotency-key': 'cart-1' } },
  )
const age = (id: string, column: 'created_at' | 'updated_at', time: string) =>
  sql(`UPDATE purchases SET ${column} = now() - $2::interval WHERE id = $1`, [id, time])
const become = (id: string, status: string) =>
  sql('UPDATE purchases SET status = $2 WHERE id = $1', [id, status])
const ofWhom = async (id: string) => {
  const { email, full_name } = await shop.rowOf(id)
  return [email, full_name]
}

test.serial('the key of a request is forgotten after a day, and not before', async t => {
  const [email, slug] = [anEmail(), await shop.aSite()]
  const { body } = await buy(slug, email)
  await age(body.purchase_id, 'created_at', '23 hours 59 minutes')
  await forgetBuyers(shop.deps)
  t.deepEqual((await buy(slug, email)).body, body)

  await age(body.purchase_id, 'created_at', '24 hours 1 minute')
  t.is(await forgetBuyers(shop.deps), 1)
  t.is(
    (await buy(slug, email)).body.code,
    'SITE_UNAVAILABLE',
    'it is a new request, and the site is reserved',
  )
  const next = await buy(await shop.aSite(), email)
  t.is(next.status, 201, 'the key may stand for another one')
  t.is(await forgetBuyers(shop.deps), 0, 'nothing is left to forget')
})

test.serial('a guest who never paid is forgotten after thirty days, and not before', async t => {
  const { id, email } = await shop.aPurchase()
  await become(id, 'expired')
  await age(id, 'updated_at', '29 days 23 hours')
  await forgetBuyers(shop.deps)
  t.deepEqual(await ofWhom(id), [email, 'Ada Lovelace'])
  await age(id, 'updated_at', '30 days 1 hour')
  await forgetBuyers(shop.deps)
  t.deepEqual(await ofWhom(id), [null, null])
})

test.serial('whoever may still pay, or is owed money, is not forgotten', async t => {
  const [open, failed, wrong] = [await shop.aPurchase(), await shop.aPurchase(), await shop.aPurchase()]
  await become(failed.id, 'failed')
  t.is((await shop.tell('payment_intent.succeeded', wrong, { amount: 1 })).status, 204)
  const late = await shop.aPurchase()
  await sql("UPDATE sites SET status = 'sold', held_by = NULL WHERE slug = $1", [late.slug])
  t.is((await shop.tell('payment_intent.succeeded', late)).status, 204)
  t.like(await shop.rowOf(late.id), { status: 'paid', issue: 'site_unavailable', user_id: null })
  for (const { id } of [open, failed, wrong, late]) await age(id, 'updated_at', '90 days')
  await forgetBuyers(shop.deps)
  for (const { id, email } of [open, failed, wrong, late])
    t.deepEqual(await ofWhom(id), [email, 'Ada Lovelace'])
})

test.serial('an account that is erased takes its address and its name out of what it bought', async t => {
  const purchase = await shop.aPurchase()
  t.is((await shop.tell('payment_intent.succeeded', purchase)).status, 204)
  await forgetBuyers(shop.deps)
  t.deepEqual(await ofWhom(purchase.id), [purchase.email, 'Ada Lovelace'])
  await sql('DELETE FROM users WHERE email = $1', [purchase.email])
  t.is(await forgetBuyers(shop.deps), 1)
  t.deepEqual(await ofWhom(purchase.id), [null, null])
  t.like(await shop.rowOf(purchase.id), { status: 'paid', amount: 12_500, user_id: null })
  t.is((await shop.siteOf(purchase.slug)).status, 'sold', 'what was sold stays sold')
})
