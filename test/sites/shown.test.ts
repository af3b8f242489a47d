import test from 'ava'
import { openShop } from '../purchases/shop.ts'

const shop = await openShop()
const { client, sql } = shop
test.after.always(() => shop[Symbol.asyncDispose]())

type Listed = { slug: string; status: string; currency: string }

const sites = '/api/v1/sites'
const read = (query: string) => client.get(`${sites}?${query}`)
const slugsOf = ({ body }: Awaited<ReturnType<typeof read>>): string[] =>
  body.data.map(({ slug }: Listed) => slug)

const names = [
  ...['id', 'slug', 'name', 'description', 'price', 'currency', 'image_url', 'status', 'created_at'],
  'updated_at',
].sort()

test('anybody reads a site, and nobody learns who is buying it', async t => {
  const purchase = await shop.aPurchase()
  const { status, body } = await client.get(`${sites}/${purchase.slug}`)
  t.is(status, 200)
  t.deepEqual(Object.keys(body).sort(), names)
  t.like(body, {
    ...{ slug: purchase.slug, name: 'Corner bakery', description: 'Three pages.' },
    ...{ price: 12_500, currency: 'GTQ', image_url: null, status: 'reserved' },
  })
  const list = await read('limit=100')
  t.is(list.status, 200)
  for (const each of list.body.data) t.deepEqual(Object.keys(each).sort(), names)
  for (const { text } of [list, await client.get(`${sites}/${purchase.slug}`)])
    for (const word of ['held_by', purchase.id, purchase.email]) t.false(text.includes(word))
})

test('a site that is not there is 404, whatever its name looks like', async t => {
  for (const slug of [
    'no-such-site',
    'No-Such',
    'a--b',
    '-',
    'x'.repeat(81),
    '%27',
    '%00',
    '__proto__',
    'a%2Fb',
  ]) {
    const { status, body } = await client.get(`${sites}/${slug}`)
    t.is(`${status} ${body.code}`, '404 NOT_FOUND', slug)
  }
})

test.serial('a page leads to the next one, the newest first, and none skips or repeats', async t => {
  await sql('DELETE FROM purchases')
  await sql('DELETE FROM sites')
  const made: string[] = []
  for (let i = 0; i < 7; i++) made.unshift(await shop.aSite())
  const seen: string[] = []
  let cursor: string | null = ''
  for (let pages = 0; cursor !== null && pages < 9; pages++) {
    const page = await read(`limit=3${cursor && `&cursor=${cursor}`}`)
    t.true(page.body.data.length <= 3)
    seen.push(...slugsOf(page))
    cursor = page.body.next_cursor
    // What is offered meanwhile is on a page before.
    if (pages === 0) await shop.aSite()
  }
  t.deepEqual(seen, made)
})

test.serial('sites are filtered by status and currency', async t => {
  await sql('DELETE FROM purchases')
  await sql('DELETE FROM sites')
  const [dollars, open] = [await shop.aSite({ currency: 'USD' }), await shop.aSite()]
  const reserved = await shop.aPurchase()
  const sold = await shop.aPurchase()
  t.is((await shop.tell('payment_intent.succeeded', sold)).status, 204)
  const by = async (query: string) => slugsOf(await read(query))
  t.deepEqual(await by(''), [sold.slug, reserved.slug, open, dollars])
  t.deepEqual(await by('status=available'), [open, dollars])
  t.deepEqual(await by('status=reserved'), [reserved.slug])
  t.deepEqual(await by('status=sold'), [sold.slug])
  t.deepEqual(await by('currency=USD'), [dollars])
  t.deepEqual(await by('currency=GTQ&status=available'), [open])
  t.deepEqual(await by('currency=USD&status=sold'), [])
})

test('a filter that is none is refused, rather than left out', async t => {
  for (const query of [
    ...[
      'status=gone',
      'status=',
      'status=available&status=sold',
      'status[]=sold',
      'currency=EUR',
      'currency=gtq',
    ],
    ...[
      'limit=0',
      'limit=101',
      'limit=-1',
      'limit=1.5',
      'cursor=x',
      'cursor=',
      'held_by=x',
      'price=1',
      'q=x',
    ],
  ]) {
    const { status, body } = await read(query)
    t.is(`${status} ${body.code}`, '400 VALIDATION_ERROR', query)
  }
})
