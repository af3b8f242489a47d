import test from 'ava'
import { forgetBuyers } from '../../src/purchases/forget-buyers.ts'
import { openShop } from './shop.ts'

const shop = await openShop()
test.after.always(() => shop[Symbol.asyncDispose]())

test('a backlog of guests who never paid is forgotten to the last', async t => {
  const { id } = await shop.aPurchase()
  const { site_id } = await shop.rowOf(id)
  await shop.sql(
    `INSERT INTO purchases (id, site_id, email, full_name, locale, amount, currency, status, idempotency_key,
                            request_hash, expires_at, look_after, created_at, updated_at)
     SELECT gen_random_uuid(), $1, n || '@example.com', 'Ada', 'en', 1, 'GTQ', 'expired', n, '', day, day, day, day
       FROM generate_series(1, 10001) n, (SELECT now() - interval '31 days' AS day) AS long_ago`,
    [site_id],
  )
  t.is(await forgetBuyers(shop.deps), 20_002)
  const remembered = await shop.sql(
    'SELECT id FROM purchases WHERE email IS NOT NULL OR idempotency_key IS NOT NULL',
  )
  t.deepEqual(remembered, [{ id }])
  t.is(await forgetBuyers(shop.deps), 0)
})
