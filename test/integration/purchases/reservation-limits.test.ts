import anyTest from 'ava'
import { anAccount, anEmail } from '../../fixtures.ts'
import { openShop, type Shop } from './shop.ts'

// How many sites of a shop one network can reserve at the same time, so that it cannot block all of them.

const test = anyTest.serial

const env = { TRUSTED_PROXIES: '1', RATE_LIMITS: 'register=1000/15m,login=1000/15m' }
const shops: Shop[] = []
anyTest.after.always(async () => {
  for (const each of shops) await each[Symbol.asyncDispose]()
})

/** Opens a separate shop with this many sites. */
const openShopWithSites = async (sites: number, more: Record<string, string> = {}) => {
  const shop = await openShop({ env: { ...env, ...more } })
  shops.push(shop)
  const slugs: string[] = []
  for (let i = 0; i < sites; i++) slugs.push(await shop.aSite())
  const buy = (
    slug: string,
    ip: string,
    { token, key }: { token?: string; key?: string } = {},
    at = shop.client,
  ) =>
    at.post(`/api/v1/sites/${slug}/purchase`, token ? {} : { email: anEmail(), full_name: 'Ada' }, {
      token,
      headers: { 'x-forwarded-for': ip, ...(key && { 'idempotency-key': key }) },
    })
  const countReserved = async () => {
    const rows = await shop.sql("SELECT FROM sites WHERE status = 'reserved'")
    return rows.length
  }
  return { shop, slugs, buy, countReserved }
}

const outcomeOf = ({ status, body }: { status: number; body: { code?: string } }) =>
  `${status} ${body.code ?? ''}`.trim()

test('IPv6 /48 requests 30 sites, each from another /64 → it gets 15, and other networks can buy', async t => {
  const { slugs, buy, countReserved } = await openShopWithSites(30, {
    RATE_LIMITS: `${env.RATE_LIMITS},purchase=100/30m`,
  })
  const replies: string[] = []
  for (const [i, slug] of slugs.entries())
    replies.push(outcomeOf(await buy(slug, `2001:db8:1:${(i * 257).toString(16)}::1`)))
  t.is(replies.filter(reply => reply === '201').length, 15)
  t.is(replies.filter(reply => reply === '429 RATE_LIMIT_EXCEEDED').length, 15)
  t.is(await countReserved(), 15)
  for (const [i, ip] of ['2001:db8:2::1', '203.0.113.7', '2001:db8:3::1'].entries())
    t.is(outcomeOf(await buy(slugs[20 + i] ?? '', ip)), '201', ip)
})

test('reservations outlast the rate limit → a /48 holds 20 sites, a /56 10, a /64 or an IPv4 5', async t => {
  const networks: Record<string, [most: number, ip: (i: number) => string]> = {
    '/48': [20, i => `2001:db8:1:${(i * 257).toString(16)}::1`],
    '/56': [10, i => `2001:db8:2:${(i % 256).toString(16)}::1`],
    '/64': [5, i => `2001:db8:3:1::${i.toString(16)}`],
    IPv4: [5, () => '203.0.113.7'],
  }
  const { shop, slugs, buy } = await openShopWithSites(48)
  for (const [name, [most, ip]] of Object.entries(networks)) {
    for (const [i, slug] of slugs.slice(0, 24).entries()) {
      await buy(slug, ip(i))
      await shop.dropKeys(await shop.keysLike(`${shop.env.REDIS_PREFIX}:limit:purchase:*`))
    }
    const rows = await shop.sql("SELECT FROM sites WHERE status = 'reserved'")
    t.is(rows.length, most, name)
    await shop.sql("UPDATE purchases SET status = 'expired'")
    await shop.sql("UPDATE sites SET status = 'available', held_by = NULL")
  }
})

test('simultaneous requests of one network at two instances → no more than its bound succeed', async t => {
  const { shop, slugs, buy, countReserved } = await openShopWithSites(12)
  const { client: other } = await shop.instance()
  const replies = await Promise.all(
    slugs.map((slug, i) =>
      buy(slug, `2001:db8:1:${(i * 257).toString(16)}::1`, {}, i % 2 ? other : shop.client),
    ),
  )
  t.is(replies.filter(({ status }) => status === 201).length, 6)
  t.is(await countReserved(), 6)
})

test('small shop → one network gets the only site, but not the last of two', async t => {
  const { shop, slugs, buy } = await openShopWithSites(1)
  const [only = ''] = slugs
  t.is(outcomeOf(await buy(only, '203.0.113.7')), '201')
  t.is(
    outcomeOf(await buy(only, '203.0.113.7')),
    '409 SITE_UNAVAILABLE',
    'a reserved site is reported as unavailable',
  )
  const second = await shop.aSite()
  t.is(outcomeOf(await buy(second, '203.0.113.7')), '429 RATE_LIMIT_EXCEEDED')
  t.is(outcomeOf(await buy(second, '203.0.113.8')), '201')
  t.is(outcomeOf(await buy('no-such-site', '203.0.113.7')), '404 NOT_FOUND')
})

test('network at its bound → 429 with Retry-After until its first reservation ends, then 201', async t => {
  const { shop, slugs, buy } = await openShopWithSites(2, { RESERVATION_TTL: '1h' })
  const [first = '', second = ''] = slugs
  const started = await buy(first, '203.0.113.7')
  const refused = await buy(second, '203.0.113.7')
  t.is(outcomeOf(refused), '429 RATE_LIMIT_EXCEEDED')
  const wait = Number(refused.headers.get('retry-after'))
  t.true(wait > 3500 && wait <= 3601, `${wait}`)
  await shop.sql("UPDATE purchases SET status = 'expired' WHERE id = $1", [started.body.purchase_id])
  await shop.sql("UPDATE sites SET status = 'available', held_by = NULL WHERE slug = $1", [first])
  t.is(outcomeOf(await buy(second, '203.0.113.7')), '201')
})

test('paid purchases → do not count against the bound of the network', async t => {
  const { shop, slugs, buy } = await openShopWithSites(4)
  for (const slug of slugs) {
    const { status, body } = await buy(slug, '203.0.113.7')
    t.is(status, 201, slug)
    const checkoutId = body.checkout_url.split('/').at(-1)
    const purchase = { id: body.purchase_id, checkoutId, slug, email: '', checkoutUrl: '', expiresAt: '' }
    t.is((await shop.sendEvent('payment_intent.succeeded', purchase)).status, 204)
  }
})

test('signed-in buyer → counts by network too, because accounts are free', async t => {
  const { shop, slugs, buy } = await openShopWithSites(2)
  const [first = '', second = ''] = slugs
  t.is(outcomeOf(await buy(first, '203.0.113.7')), '201')
  const { access: token } = await anAccount(shop.client)
  t.is(outcomeOf(await buy(second, '203.0.113.7', { token })), '429 RATE_LIMIT_EXCEEDED')
})

test('retry with the same idempotency key at the bound → the same reply', async t => {
  const { shop, slugs } = await openShopWithSites(2)
  const body = { email: anEmail(), full_name: 'Ada' }
  const ask = () =>
    shop.client.post(`/api/v1/sites/${slugs[0]}/purchase`, body, { headers: { 'idempotency-key': 'cart-1' } })
  const first = await ask()
  t.is(first.status, 201)
  t.deepEqual((await ask()).body, first.body)
})

test('reservation has ended → its network is deleted, and no IP address was ever stored', async t => {
  const { shop, slugs, buy } = await openShopWithSites(4)
  const ids: string[] = []
  for (const slug of slugs.slice(0, 2)) ids.push((await buy(slug, '203.0.113.7')).body.purchase_id)
  const networksOf = async () =>
    (await shop.sql<{ networks: string[] | null }>('SELECT networks FROM purchases ORDER BY id')).map(
      ({ networks }) => networks,
    )
  const [stored] = await networksOf()
  t.is(stored?.length, 1)
  t.notRegex(String(stored), /203|113/)
  await shop.sql("UPDATE purchases SET status = 'expired' WHERE id = $1", [ids[0]])
  t.is(await shop.run('forgetBuyers'), 1)
  t.deepEqual(await networksOf(), [null, stored])
})
