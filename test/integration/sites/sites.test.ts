import { randomBytes } from 'node:crypto'
import anyTest from 'ava'
import { shopProblems } from '../../../src/shop/catalog/problems.ts'
import { anAccount } from '../../fixtures.ts'
import { openShop } from '../purchases/shop.ts'

// Sites: how administrators change them, and how the public list shows them.

const test = anyTest.serial

const adminShop = await openShop()
const { access: user } = await anAccount(adminShop.client)
const publicShop = await openShop()
anyTest.after.always(async () => {
  for (const each of [adminShop, publicShop]) await each[Symbol.asyncDispose]()
})

{
  const shop = adminShop
  const { client, admin: token, sql } = shop
  const sites = '/api/v1/admin/sites'
  const aSlug = () => `s-${randomBytes(6).toString('hex')}`
  const aSiteBody = (given: Record<string, unknown> = {}): Record<string, unknown> => ({
    ...{ slug: aSlug(), name: 'Corner bakery', description: 'Three pages.', price: 12_500, currency: 'GTQ' },
    ...given,
  })
  const createSite = (given: Record<string, unknown> = {}) => client.post(sites, aSiteBody(given), { token })
  const change = (slug: string, body: unknown) => client.patch(`${sites}/${slug}`, body, { token })
  const read = async (slug: string) => (await client.get(`/api/v1/sites/${slug}`)).body
  const count = async () => Number((await sql<{ count: string }>('SELECT count(*) FROM sites'))[0]?.count)

  /** Invalid values of each field. */
  const invalidValues: Record<string, unknown[]> = {
    name: ['', '  ', 'a\nb', 'a\u0000', 'a\u202eb', 'x'.repeat(121), 7, null, ['a'], {}],
    description: ['', ' \n ', 'a\u0000', 'a\u202eb', 'x'.repeat(4001), 7, null],
    price: [0, -1, 1.5, 12_500.01, '12500', '', 100_000_001, 2 ** 53, 1e300, null, true, [1], {}],
    currency: ['EUR', 'gtq', 'GTQ ', '', null, 7, ['GTQ']],
    image_url: [
      ...[
        'http://img.example/a.png',
        'javascript:alert(1)',
        'data:image/png;base64,AA',
        '//img.example/a.png',
        '',
      ],
      ...[
        '/a.png',
        'https://',
        'https://u:p@img.example/',
        `https://img.example/${'x'.repeat(2048)}`,
        7,
        ['https://a.b'],
      ],
    ],
  }

  test('an administrator creates a site → 201, and the public route returns it', async t => {
    const site = aSiteBody({ image_url: 'https://img.example/a.png', price: 1 })
    const { status, body } = await client.post(sites, site, { token })
    t.is(status, 201)
    t.like(body, { ...site, status: 'available' })
    t.false('held_by' in body)
    t.deepEqual(await read(body.slug), body)
    t.is((await createSite({ price: 100_000_000 })).body.price, 100_000_000)
    t.is((await createSite({ image_url: null })).body.image_url, null)
  })

  test('create or change with an invalid field → 400 with the path of the field', async t => {
    const [before, { body: site }] = [await count(), await createSite()]
    for (const [path, values] of Object.entries(invalidValues))
      for (const value of values)
        for (const reply of [
          await createSite({ [path]: value }),
          await change(site.slug, { [path]: value }),
        ]) {
          t.is(reply.status, 400, `${path} ${JSON.stringify(value)?.slice(0, 40)}`)
          t.is(reply.body.errors[0].path, path)
        }
    t.is(await count(), before + 1)
    t.deepEqual(await read(site.slug), site)
  })

  test('create or change with a missing or unknown field → 400', async t => {
    const before = await count()
    for (const path of ['slug', 'name', 'description', 'price', 'currency']) {
      const { [path]: _, ...rest } = aSiteBody()
      const { status, body } = await client.post(sites, rest, { token })
      t.is(status, 400)
      t.deepEqual(body.errors[0], { path, rule: 'missing', message: 'This field is required.' })
    }
    for (const [path, value] of Object.entries({ id: 'x', status: 'sold', held_by: null, created_at: 'x' })) {
      const { status, body } = await createSite({ [path]: value })
      t.is(status, 400)
      t.like(body.errors[0], { path, rule: 'unknown' })
    }
    const { body: site } = await createSite()
    for (const [path, value] of Object.entries({
      slug: aSlug(),
      id: 'x',
      held_by: null,
      created_at: 'x',
      updated_at: 'x',
    }))
      t.like((await change(site.slug, { [path]: value })).body.errors[0], { path, rule: 'unknown' })
    t.is(await count(), before + 1)
  })

  test('invalid slug → 400; simultaneous requests for one slug → one 201, all further ones 409', async t => {
    for (const slug of [
      '',
      'A',
      'a b',
      'a_b',
      'a--b',
      '-a',
      'a-',
      'ñ',
      'a/b',
      'a.b',
      '..',
      'x'.repeat(81),
      7,
      null,
    ]) {
      const { status, body } = await createSite({ slug })
      t.is(status, 400, JSON.stringify(slug))
      t.is(body.errors[0].path, 'slug')
    }
    t.is((await createSite({ slug: `${'x'.repeat(67)}-${aSlug().slice(2)}` })).status, 201, '80 characters')
    const slug = aSlug()
    const offers = await Promise.all(
      Array.from({ length: 5 }, (_, i) => createSite({ slug, name: `Offer ${i}` })),
    )
    const outcomes = offers.map(({ status, body }) => `${status} ${body.code ?? body.name}`).sort()
    t.regex(outcomes[0] ?? '', /^201 Offer \d$/)
    t.deepEqual(new Set(outcomes.slice(1)), new Set(['409 DUPLICATE_ENTRY']))
    t.is((await createSite({ slug })).body.detail, shopProblems.DUPLICATE_ENTRY.details.slug)
    t.is(`201 ${(await read(slug)).name}`, outcomes[0] ?? '')
  })

  test('name and description with HTML or SQL → returned unchanged as JSON', async t => {
    const texts = {
      name: `<script>alert("1")</script> '; DROP TABLE sites; -- {{name}} $1`,
      description: '<img src=x onerror=alert(1)>\n\n**Ñandú** & 🥐\nend',
    }
    const { body } = await createSite(texts)
    t.like(body, texts)
    t.like(await read(body.slug), texts)
    const { headers } = await client.get(`/api/v1/sites/${body.slug}`)
    t.regex(headers.get('content-type') ?? '', /^application\/json/)
    t.is(headers.get('x-content-type-options'), 'nosniff')
    const { body: trimmed } = await createSite({ name: '  Corner  ', description: ' a\r\nb ' })
    t.like(trimmed, { name: 'Corner', description: 'a\nb' })
  })

  test('one field is changed → only this field and updated_at change', async t => {
    const { body: site } = await createSite({ image_url: 'https://img.example/a.png' })
    const changes = {
      ...{
        name: 'Bakery',
        description: 'Four.',
        price: 99,
        currency: 'USD',
        image_url: 'https://img.example/b.png',
      },
    }
    let expected = site
    for (const [path, value] of Object.entries(changes)) {
      const { status, body } = await change(site.slug, { [path]: value })
      t.is(status, 200)
      expected = { ...expected, [path]: value, updated_at: body.updated_at }
      t.deepEqual(body, expected)
      t.deepEqual(await read(site.slug), expected)
    }
    t.true(expected.updated_at > site.updated_at)
    const cleared = await change(site.slug, { image_url: null })
    t.is(cleared.body.image_url, null)
    t.is((await change(site.slug, {})).status, 200)
    t.like(await read(site.slug), { ...changes, image_url: null })
  })

  test('change of an unknown site → 404', async t => {
    for (const slug of ['no-such-site', 'No-Such', '%00']) {
      const { status, body } = await change(slug, { price: 1, status: 'sold' })
      t.is(`${status} ${body.code}`, '404 NOT_FOUND', slug)
    }
  })

  test('an administrator can withdraw and restore a site; a sold one becomes available only by a refund', async t => {
    const { body: site } = await createSite()
    t.is((await change(site.slug, { status: 'sold' })).body.status, 'sold')
    const buy = () =>
      client.post(`/api/v1/sites/${site.slug}/purchase`, { email: 'ada@example.com', full_name: 'Ada' })
    t.like((await buy()).body, {
      code: 'SITE_UNAVAILABLE',
      detail: shopProblems.SITE_UNAVAILABLE.details.sold,
    })
    t.is((await change(site.slug, { status: 'available' })).body.status, 'available')
    t.deepEqual(await shop.siteOf(site.slug), { status: 'available', held_by: null })
    t.is((await buy()).status, 201)

    const sold = await shop.aPurchase()
    await shop.sendEvent('payment_intent.succeeded', sold)
    t.like((await change(sold.slug, { status: 'available', price: 1 })).body, {
      code: 'SITE_UNAVAILABLE',
      detail: shopProblems.SITE_UNAVAILABLE.details.sold,
    })
    t.is((await change(sold.slug, { status: 'sold', price: 2 })).body.price, 2)
    t.deepEqual(
      await shop.siteOf(sold.slug),
      { status: 'sold', held_by: sold.id },
      'a change from a stale page does not sell it twice',
    )
    t.is((await shop.sendEvent('refund.succeeded', sold)).status, 204)
    t.deepEqual(await shop.siteOf(sold.slug), { status: 'available', held_by: null })
  })

  test('change of status or price during a checkout → 409, and the reservation stays', async t => {
    const purchase = await shop.aPurchase()
    for (const status of ['available', 'sold']) {
      const reply = await change(purchase.slug, { status, price: 1 })
      t.is(`${reply.status} ${reply.body.code}`, '409 SITE_UNAVAILABLE')
    }
    t.is((await change(purchase.slug, { status: 'reserved' })).status, 400)
    t.is((await read(purchase.slug)).price, 12_500, 'a refused change changes nothing')
    t.deepEqual(await shop.siteOf(purchase.slug), { status: 'reserved', held_by: purchase.id })
  })

  test('purchase and withdrawal at the same moment → exactly one succeeds', async t => {
    for (let i = 0; i < 8; i++) {
      const { body: site } = await createSite()
      const [bought, taken] = await Promise.all([
        client.post(`/api/v1/sites/${site.slug}/purchase`, { email: 'ada@example.com', full_name: 'Ada' }),
        change(site.slug, { status: 'sold' }),
      ])
      const both = `${bought.status} ${taken.status}`
      t.true(both === '201 409' || both === '409 200', both)
      t.is((await read(site.slug)).status, both === '201 409' ? 'reserved' : 'sold')
    }
  })

  test('the price changes during a purchase → the purchase keeps its price', async t => {
    const purchase = await shop.aPurchase()
    t.is((await change(purchase.slug, { price: 99_999, currency: 'USD', name: 'Dearer' })).status, 200)
    t.like(await shop.rowOf(purchase.id), { amount: 12_500, currency: 'GTQ' })
    t.is((await shop.sendEvent('payment_intent.succeeded', purchase)).status, 204)
    t.like(await shop.rowOf(purchase.id), { status: 'paid', issue: null })
    t.is((await read(purchase.slug)).status, 'sold')
  })

  test('purchase after a price change → the gateway charges the new price', async t => {
    const { body: site } = await createSite()
    await change(site.slug, { price: 777 })
    const purchase = await shop.aPurchase({ slug: site.slug })
    t.is(shop.gateway.checkouts.get(purchase.checkoutId)?.items?.[0]?.amount_in_cents, 777)
  })

  test('create or change without the admin role → 401 or 403, and nothing changes', async t => {
    const [{ body: site }, before] = [await createSite(), await count()]
    for (const [options, refusal] of [
      [{}, '401 AUTH_ERROR'],
      [{ token: user }, '403 FORBIDDEN'],
      [{ token: `${token.slice(0, -4)}AAAA` }, '401 INVALID_TOKEN'],
    ] as const)
      for (const { status, body } of [
        await client.post(sites, aSiteBody(), options),
        await client.patch(`${sites}/${site.slug}`, { price: 1 }, options),
        await client.patch(`${sites}/no-such-site`, { price: 1 }, options),
      ])
        t.is(`${status} ${body.code}`, refusal)
    t.is(await count(), before)
    t.deepEqual(await read(site.slug), site)
  })
}

{
  const shop = publicShop
  const { client, sql } = shop
  type Listed = { slug: string; status: string; currency: string }

  const sites = '/api/v1/sites'
  const read = (query: string) => client.get(`${sites}?${query}`)
  const slugsOf = ({ body }: Awaited<ReturnType<typeof read>>): string[] =>
    body.data.map(({ slug }: Listed) => slug)

  const fieldNames = [
    ...['id', 'slug', 'name', 'description', 'price', 'currency', 'image_url', 'status', 'created_at'],
    'updated_at',
  ].sort()

  test('public site routes → every field of a site, but no buyer and no purchase id', async t => {
    const purchase = await shop.aPurchase()
    const { status, body } = await client.get(`${sites}/${purchase.slug}`)
    t.is(status, 200)
    t.deepEqual(Object.keys(body).sort(), fieldNames)
    t.like(body, {
      ...{ slug: purchase.slug, name: 'Corner bakery', description: 'Three pages.' },
      ...{ price: 12_500, currency: 'GTQ', image_url: null, status: 'reserved' },
    })
    const list = await read('limit=100')
    t.is(list.status, 200)
    for (const each of list.body.data) t.deepEqual(Object.keys(each).sort(), fieldNames)
    for (const { text } of [list, await client.get(`${sites}/${purchase.slug}`)])
      for (const word of ['held_by', purchase.id, purchase.email]) t.false(text.includes(word))
  })

  test('unknown or malformed slug → 404', async t => {
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

  test('a site is added between two pages → no site is skipped or repeated, newest first', async t => {
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
      // The new site belongs to an earlier page.
      if (pages === 0) await shop.aSite()
    }
    t.deepEqual(seen, made)
  })

  test('list filtered by status and currency → only matching sites', async t => {
    await sql('DELETE FROM purchases')
    await sql('DELETE FROM sites')
    const [dollars, available] = [await shop.aSite({ currency: 'USD' }), await shop.aSite()]
    const reserved = await shop.aPurchase()
    const sold = await shop.aPurchase()
    t.is((await shop.sendEvent('payment_intent.succeeded', sold)).status, 204)
    const by = async (query: string) => slugsOf(await read(query))
    t.deepEqual(await by(''), [sold.slug, reserved.slug, available, dollars])
    t.deepEqual(await by('status=available'), [available, dollars])
    t.deepEqual(await by('status=reserved'), [reserved.slug])
    t.deepEqual(await by('status=sold'), [sold.slug])
    t.deepEqual(await by('currency=USD'), [dollars])
    t.deepEqual(await by('currency=GTQ&status=available'), [available])
    t.deepEqual(await by('currency=USD&status=sold'), [])
  })

  test('invalid filter → 400 instead of being ignored', async t => {
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
}
