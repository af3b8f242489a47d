import anyTest from 'ava'
import { anEmail } from '../../fixtures.ts'
import { openShop } from './shop.ts'

// When the data of buyers is deleted: idempotency keys, and the names and addresses of guests and erased accounts.

const test = anyTest.serial

const retentionShop = await openShop()
const crowdedShop = await openShop()
anyTest.after.always(async () => {
  for (const each of [retentionShop, crowdedShop]) await each[Symbol.asyncDispose]()
})

{
  const shop = retentionShop
  const { client, sql } = shop
  const buy = (slug: string, email: string) =>
    client.post(
      `/api/v1/sites/${slug}/purchase`,
      { email, full_name: 'Ada Lovelace' },
      { headers: { 'idempotency-key': 'cart-1' } },
    )
  const age = (id: string, column: 'created_at' | 'updated_at', time: string) =>
    sql(`UPDATE purchases SET ${column} = now() - $2::interval WHERE id = $1`, [id, time])
  const setStatus = (id: string, status: string) =>
    sql('UPDATE purchases SET status = $2 WHERE id = $1', [id, status])
  const identityOf = async (id: string) => {
    const { email, full_name } = await shop.rowOf(id)
    return [email, full_name]
  }

  test('idempotency key → kept for 24 hours, then deleted', async t => {
    const [email, slug] = [anEmail(), await shop.aSite()]
    const { body } = await buy(slug, email)
    await age(body.purchase_id, 'created_at', '23 hours 59 minutes')
    await shop.run('forgetBuyers')
    t.deepEqual((await buy(slug, email)).body, body)

    await age(body.purchase_id, 'created_at', '24 hours 1 minute')
    t.is(await shop.run('forgetBuyers'), 1)
    t.is(
      (await buy(slug, email)).body.code,
      'SITE_UNAVAILABLE',
      'it is a new request, and the site is reserved',
    )
    const next = await buy(await shop.aSite(), email)
    t.is(next.status, 201, 'the key can be used for another request')
    t.is(await shop.run('forgetBuyers'), 0, 'nothing is left to delete')
  })

  test('unpaid guest purchase → name and address deleted after 30 days, not before', async t => {
    const { id, email } = await shop.aPurchase()
    await setStatus(id, 'expired')
    await age(id, 'updated_at', '29 days 23 hours')
    await shop.run('forgetBuyers')
    t.deepEqual(await identityOf(id), [email, 'Ada Lovelace'])
    await age(id, 'updated_at', '30 days 1 hour')
    await shop.run('forgetBuyers')
    t.deepEqual(await identityOf(id), [null, null])
  })

  test('guest who can still pay or must be refunded → name and address are kept', async t => {
    const [open, failed, wrong] = [await shop.aPurchase(), await shop.aPurchase(), await shop.aPurchase()]
    await setStatus(failed.id, 'failed')
    t.is((await shop.sendEvent('payment_intent.succeeded', wrong, { amount: 1 })).status, 204)
    const late = await shop.aPurchase()
    await sql("UPDATE sites SET status = 'sold', held_by = NULL WHERE slug = $1", [late.slug])
    t.is((await shop.sendEvent('payment_intent.succeeded', late)).status, 204)
    t.like(await shop.rowOf(late.id), { status: 'paid', issue: 'site_unavailable', user_id: null })
    for (const { id } of [open, failed, wrong, late]) await age(id, 'updated_at', '90 days')
    await shop.run('forgetBuyers')
    for (const { id, email } of [open, failed, wrong, late])
      t.deepEqual(await identityOf(id), [email, 'Ada Lovelace'])
  })

  test('erased account → its name and address are removed from its purchases', async t => {
    const purchase = await shop.aPurchase()
    t.is((await shop.sendEvent('payment_intent.succeeded', purchase)).status, 204)
    await shop.run('forgetBuyers')
    t.deepEqual(await identityOf(purchase.id), [purchase.email, 'Ada Lovelace'])
    await sql('DELETE FROM users WHERE email = $1', [purchase.email])
    t.is(await shop.run('forgetBuyers'), 1)
    t.deepEqual(await identityOf(purchase.id), [null, null])
    t.like(await shop.rowOf(purchase.id), { status: 'paid', amount: 12_500, user_id: null })
    t.is((await shop.siteOf(purchase.slug)).status, 'sold', 'the site stays sold')
  })
}

{
  const shop = crowdedShop
  test('backlog of 10,001 unpaid guest purchases → one run deletes all their data', async t => {
    const { id } = await shop.aPurchase()
    const { site_id } = await shop.rowOf(id)
    await shop.sql(
      `INSERT INTO purchases (id, site_id, email, full_name, locale, amount, currency, status, idempotency_key,
                            request_hash, expires_at, look_after, created_at, updated_at)
     SELECT gen_random_uuid(), $1, n || '@example.com', 'Ada', 'en', 1, 'GTQ', 'expired', n, '', day, day, day, day
       FROM generate_series(1, 10001) n, (SELECT now() - interval '31 days' AS day) AS long_ago`,
      [site_id],
    )
    t.is(await shop.run('forgetBuyers'), 20_002)
    const withData = await shop.sql(
      'SELECT id FROM purchases WHERE email IS NOT NULL OR idempotency_key IS NOT NULL',
    )
    t.deepEqual(withData, [{ id }])
    t.is(await shop.run('forgetBuyers'), 0)
  })
}
