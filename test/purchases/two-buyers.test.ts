import test from 'ava'
import { anEmail } from '../make.ts'
import { openShop } from './shop.ts'

const shop = await openShop()
test.after.always(() => shop[Symbol.asyncDispose]())

const buy = (slug: string, client = shop.client) =>
  client.post(`/api/v1/sites/${slug}/purchase`, { email: anEmail(), full_name: 'Ada Lovelace' })

test('of 20 buyers at once, at two instances, one gets the site', async t => {
  const { client: second } = await shop.instance()
  const slug = await shop.aSite()
  const asked = await Promise.all(
    Array.from({ length: 20 }, (_, i) => buy(slug, i % 2 ? second : shop.client)),
  )
  t.is(asked.filter(({ status }) => status === 201).length, 1)
  const refused = asked.filter(({ status }) => status !== 201)
  t.deepEqual([...new Set(refused.map(({ body }) => body.code))], ['SITE_UNAVAILABLE'])
  t.is((await shop.siteOf(slug)).status, 'reserved')
  t.is(
    (await shop.sql('SELECT FROM purchases p JOIN sites s ON s.id = site_id WHERE slug = $1', [slug])).length,
    1,
  )
})
