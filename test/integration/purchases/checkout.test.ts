import anyTest, { type ExecutionContext } from 'ava'
import type { Client, Reply } from '../../client.ts'
import { type Account, anAccount, anEmail } from '../../fixtures.ts'
import { unreachableUrl } from './scripted-gateway.ts'
import { openShop, type Purchase } from './shop.ts'

// Starting a purchase: who can buy, idempotency keys, lists of purchases and limits.

const test = anyTest.serial

const origin = 'https://shop.example'
const buyerShop = await openShop()
const shop = await openShop()
const proxiedShop = await openShop({ env: { TRUSTED_PROXIES: '1' } })
const listsShop = await openShop()
const browserShop = await openShop({ env: { CORS_ORIGINS: origin } })
const limitedShop = await openShop({ env: { RATE_LIMITS: 'register=100/15m,login=100/15m' } })
anyTest.after.always(async () => {
  for (const each of [buyerShop, shop, proxiedShop, listsShop, browserShop, limitedShop])
    await each[Symbol.asyncDispose]()
})

{
  const shop = buyerShop
  const { client, sql } = shop
  type Options = { token?: string; headers?: Record<string, string> }

  const buy = (slug: string, body: unknown, options: Options = {}) =>
    client.post(`/api/v1/sites/${slug}/purchase`, body, options)
  const ada = () => ({ email: anEmail(), full_name: 'Ada Lovelace' })

  const assertNotReserved = async (t: ExecutionContext, slug: string) => {
    t.deepEqual(await shop.siteOf(slug), { status: 'available', held_by: null })
    const text = 'SELECT FROM purchases p JOIN sites s ON s.id = site_id WHERE slug = $1'
    t.is((await sql(text, [slug])).length, 0)
  }
  const errorsOf = ({ body }: Reply): { path: string; rule: string }[] =>
    body.errors.map(({ path, rule }: { path: string; rule: string }) => ({ path, rule }))

  test('guest sends email and name → 201 with a checkout, and no account yet', async t => {
    const [slug, guest] = [await shop.aSite(), ada()]
    const { status, body, headers } = await buy(slug, guest)
    t.is(status, 201)
    t.deepEqual(Object.keys(body).sort(), ['checkout_url', 'expires_at', 'purchase_id'])
    t.regex(headers.get('cache-control') ?? '', /no-store/)
    t.like(await shop.rowOf(body.purchase_id), { ...guest, user_id: null, status: 'pending', amount: 12_500 })
    t.deepEqual(await shop.siteOf(slug), { status: 'reserved', held_by: body.purchase_id })
    t.is(
      (await sql('SELECT FROM users WHERE email = $1', [guest.email])).length,
      0,
      'no account before the payment',
    )
  })

  test('guest omits email or name → 400 that names each missing field', async t => {
    const slug = await shop.aSite()
    const [email, full_name] = ['email', 'full_name'].map(path => ({ path, rule: 'missing' }))
    for (const [body, errors] of [
      [{}, [email, full_name]],
      [{ email: anEmail() }, [full_name]],
      [{ full_name: 'Ada' }, [email]],
    ] as const) {
      const reply = await buy(slug, body)
      t.is(reply.status, 400)
      t.deepEqual(errorsOf(reply), [...errors])
    }
    await assertNotReserved(t, slug)
  })

  test('signed-in buyer sends no data → purchase uses the email and name of the account', async t => {
    const slug = await shop.aSite()
    const account = await anAccount(client, { full_name: 'Grace Hopper' })
    const { status, body } = await buy(slug, {}, { token: account.access })
    t.is(status, 201)
    const { email, userId: user_id } = account
    t.like(await shop.rowOf(body.purchase_id), { email, user_id, full_name: 'Grace Hopper' })
  })

  test('signed-in buyer sends the own email in any case, and another name → accepted', async t => {
    const account = await anAccount(client, { full_name: 'Grace Hopper' })
    const given = { email: ` ${account.email.toUpperCase()}`, full_name: 'Rear Admiral Hopper' }
    const { status, body } = await buy(await shop.aSite(), given, { token: account.access })
    t.is(status, 201)
    const row = await shop.rowOf(body.purchase_id)
    t.like(row, { email: account.email, user_id: account.userId, full_name: given.full_name })
  })

  test('signed-in buyer sends another email → 400 own_email, without echoing the email', async t => {
    const [slug, account, other] = [await shop.aSite(), await anAccount(client), await anAccount(client)]
    for (const email of [other.email, anEmail()]) {
      const reply = await buy(slug, { email, full_name: 'Ada' }, { token: account.access })
      t.is(reply.status, 400)
      t.deepEqual(errorsOf(reply), [{ path: 'email', rule: 'own_email' }])
      t.notRegex(reply.text, new RegExp(email))
    }
    await assertNotReserved(t, slug)
  })

  test('invalid credentials → 400 or 401, never treated as a guest', async t => {
    const slug = await shop.aSite()
    const ended = await anAccount(client)
    t.is((await client.post('logout', {}, { token: ended.access })).status, 204)
    const buyWith = (authorization: string) => buy(slug, ada(), { headers: { authorization } })
    for (const [authorization, status, code] of [
      [`Bearer ${ended.access}`, 401, 'SESSION_REVOKED'],
      [`Bearer ${ended.access.slice(0, -4)}AAAA`, 401, 'INVALID_TOKEN'],
      [`Bearer ${ended.refresh}`, 401, 'INVALID_TOKEN'],
      ['Bearer', 400, 'VALIDATION_ERROR'],
      ['Basic YWRhOnB3', 400, 'VALIDATION_ERROR'],
    ] as const) {
      const reply = await buyWith(authorization)
      t.is(`${reply.status} ${reply.body.code}`, `${status} ${code}`, authorization.slice(0, 12))
    }
    await assertNotReserved(t, slug)
  })

  test('expired access token → 401 TOKEN_EXPIRED, never treated as a guest', async t => {
    const [slug, { access }] = [await shop.aSite(), await anAccount(client)]
    await shop.travel(20 * 60_000)
    const { status, body } = await buy(slug, ada(), { token: access })
    await shop.travel(0)
    t.is(`${status} ${body.code}`, '401 TOKEN_EXPIRED')
    await assertNotReserved(t, slug)
  })

  test('body with a price, owner, expiry or other unknown field → 400', async t => {
    const slug = await shop.aSite()
    const extras = {
      ...{ price: 1, amount: 1, amount_in_cents: 1, currency: 'USD', status: 'paid', quantity: 0 },
      ...{
        user_id: 'x',
        id: 'x',
        site_id: 'x',
        locale: 'es',
        expires_at: '2099-01-01T00:00:00Z',
        look_after: 1,
      },
      ...{ checkout_id: 'ch_x', payment_id: 'pa_x', metadata: {}, success_url: 'https://evil.example' },
    }
    for (const [path, value] of Object.entries(extras)) {
      const reply = await buy(slug, { ...ada(), [path]: value })
      t.is(reply.status, 400, path)
      t.deepEqual(errorsOf(reply), [{ path, rule: 'unknown' }])
    }
    await assertNotReserved(t, slug)
  })

  test('invalid or multiple email, or invalid name → 400, and nothing is reserved', async t => {
    const slug = await shop.aSite()
    const addresses = [
      ...[
        '',
        'ada',
        'ada@',
        'a@example.com,b@example.com',
        'a@example.com;b@example.com',
        'Ada <a@example.com>',
      ],
      ...[
        'a@example.com\r\nBcc: b@example.com',
        'a\n@example.com',
        'a@b@example.com',
        'a@[127.0.0.1]',
        '"a"@b.com',
      ],
      ...[['a@example.com'], { address: 'a@example.com' }, 7, null, true, `${'a'.repeat(250)}@example.com`],
    ]
    for (const email of addresses) {
      const reply = await buy(slug, { ...ada(), email })
      t.is(reply.status, 400, JSON.stringify(email))
      t.is(errorsOf(reply)[0]?.path, 'email')
    }
    for (const full_name of ['', '  ', 'Ada\r\nBcc: x', 'x'.repeat(201), 7, null, ['Ada']]) {
      const reply = await buy(slug, { ...ada(), full_name })
      t.is(reply.status, 400, JSON.stringify(full_name))
      t.is(errorsOf(reply)[0]?.path, 'full_name')
    }
    for (const body of ['[]', 'null', '"x"', '{', '']) t.is((await buy(slug, body)).status, 400, body)
    await assertNotReserved(t, slug)
  })

  test('unknown or malformed site slug → 404', async t => {
    for (const slug of [
      ...[
        'no-such-site',
        'No-Such',
        '-a',
        'a--b',
        'a_b',
        'x'.repeat(81),
        '%00',
        '%27%3B--',
        '%2e%2e',
        'a%2Fb',
      ],
      ...['%F0%9F%92%A9', 'a%0D%0Ab', '*', '__proto__'],
    ]) {
      const reply = await buy(slug, ada())
      t.is(`${reply.status} ${reply.body?.code}`, '404 NOT_FOUND', slug)
    }
  })

  test('site that is sold or reserved → 409 SITE_UNAVAILABLE', async t => {
    const purchase = await shop.aPurchase()
    const refused = async () => {
      const { status, body } = await buy(purchase.slug, ada())
      return `${status} ${body.code}`
    }
    t.is(await refused(), '409 SITE_UNAVAILABLE')
    t.is((await shop.sendEvent('payment_intent.succeeded', purchase)).status, 204)
    t.is(await refused(), '409 SITE_UNAVAILABLE')
  })
}

{
  const buy = (slug: string, client = shop.client) =>
    client.post(`/api/v1/sites/${slug}/purchase`, { email: anEmail(), full_name: 'Ada Lovelace' })

  test('20 simultaneous buyers at two instances → one gets the site, 19 get SITE_UNAVAILABLE', async t => {
    const { client: second } = await shop.instance()
    const slug = await shop.aSite()
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, i) => buy(slug, i % 2 ? second : shop.client)),
    )
    t.is(replies.filter(({ status }) => status === 201).length, 1)
    const refused = replies.filter(({ status }) => status !== 201)
    t.deepEqual([...new Set(refused.map(({ body }) => body.code))], ['SITE_UNAVAILABLE'])
    for (const { body } of refused) t.regex(body.detail, /^Another buyer has reserved the site/)
    t.is((await shop.siteOf(slug)).status, 'reserved')
    t.is(
      (await shop.sql('SELECT FROM purchases p JOIN sites s ON s.id = site_id WHERE slug = $1', [slug]))
        .length,
      1,
    )
  })
}

{
  const { client, sql } = shop
  type Options = { body?: unknown; token?: string; by?: Client }

  const buy = (slug: string, key: string, { body, token, by = client }: Options = {}) =>
    by.post(`/api/v1/sites/${slug}/purchase`, body ?? {}, { token, headers: { 'idempotency-key': key } })
  const ada = () => ({ email: anEmail(), full_name: 'Ada Lovelace' })
  const purchasesOf = (email: string) =>
    sql<{ id: string; status: string; idempotency_key: string | null }>(
      'SELECT * FROM purchases WHERE email = $1 ORDER BY id',
      [email],
    )
  /** The checkouts that were opened for these purchases. */
  const checkoutsOf = (ids: string[]) =>
    [...shop.gateway.checkouts.values()].filter(({ metadata }) => ids.includes(metadata?.purchase_id ?? ''))

  test('same request with the same key, at any instance → one purchase and the same reply', async t => {
    const [slug, body, { client: other }] = [await shop.aSite(), ada(), await shop.instance()]
    const first = await buy(slug, 'cart-1', { body })
    t.is(first.status, 201)
    for (const by of [client, other]) {
      const again = await buy(slug, 'cart-1', { body, by })
      t.is(again.status, 201)
      t.deepEqual(again.body, first.body)
    }
    const rows = await purchasesOf(body.email)
    t.is(rows.length, 1)
    t.is(checkoutsOf(rows.map(({ id }) => id)).length, 1)
    t.not(rows[0]?.idempotency_key, 'cart-1', 'the key is stored as a hash')
  })

  test('same key with the email in other case → the same reply', async t => {
    const [slug, body] = [await shop.aSite(), ada()]
    const first = await buy(slug, 'cart-1', { body })
    const again = await buy(slug, 'cart-1', { body: { ...body, email: body.email.toUpperCase() } })
    t.deepEqual(again.body, first.body)
  })

  test('20 simultaneous requests with one key at two instances → one purchase; others 201 or 409', async t => {
    const [slug, body, { client: other }] = [await shop.aSite(), ada(), await shop.instance()]
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, i) => buy(slug, 'cart-1', { body, by: i % 2 ? other : client })),
    )
    const served = replies.filter(({ status }) => status === 201)
    t.true(served.length >= 1)
    t.is(new Set(served.map(({ text }) => text)).size, 1)
    for (const { status, body: refusal, headers } of replies.filter(reply => !served.includes(reply))) {
      t.is(`${status} ${refusal.code}`, '409 REQUEST_IN_PROGRESS')
      t.is(headers.get('retry-after'), '2')
    }
    const rows = await purchasesOf(body.email)
    t.is(rows.length, 1)
    t.is(checkoutsOf(rows.map(({ id }) => id)).length, 1)
    t.deepEqual((await buy(slug, 'cart-1', { body })).body, served[0]?.body)
  })

  test('same key for another site or name → 422 IDEMPOTENCY_KEY_REUSED, and nothing is reserved', async t => {
    const [slug, second, body] = [await shop.aSite(), await shop.aSite(), ada()]
    t.is((await buy(slug, 'cart-1', { body })).status, 201)
    for (const reply of [
      await buy(second, 'cart-1', { body }),
      await buy(slug, 'cart-1', { body: { ...body, full_name: 'Ada King' } }),
      await buy('no-such-site', 'cart-1', { body }),
    ]) {
      t.is(`${reply.status} ${reply.body.code}`, '422 IDEMPOTENCY_KEY_REUSED')
      t.notRegex(reply.text, /checkout/)
    }
    t.is((await shop.siteOf(second)).status, 'available')
  })

  test('simultaneous requests for two sites with one key → one purchase, one site reserved', async t => {
    const [slugs, body] = [[await shop.aSite(), await shop.aSite()], ada()]
    const replies = await Promise.all(
      Array.from({ length: 10 }, (_, i) => buy(slugs[i % 2] ?? '', 'cart-1', { body })),
    )
    t.true(replies.some(({ status }) => status === 201))
    const outcomes = new Set(replies.map(({ status, body: { code } }) => `${status} ${code ?? ''}`.trim()))
    for (const each of outcomes)
      t.true(/^(?:201|409 REQUEST_IN_PROGRESS|422 IDEMPOTENCY_KEY_REUSED)$/.test(each), each)
    t.is((await purchasesOf(body.email)).length, 1)
    const states = await Promise.all(slugs.map(async slug => (await shop.siteOf(slug)).status))
    t.deepEqual(states.sort(), ['available', 'reserved'])
  })

  test('same key from another guest or account → reply shows nothing of the first checkout', async t => {
    const [slug, body] = [await shop.aSite(), ada()]
    const first = await buy(slug, 'cart-1', { body })
    const [one, two] = [await anAccount(client), await anAccount(client)]
    for (const request of [{ body: ada() }, { token: one.access }, { token: two.access }]) {
      const reply = await buy(slug, 'cart-1', request)
      t.is(`${reply.status} ${reply.body.code}`, '409 SITE_UNAVAILABLE')
      t.notRegex(reply.text, new RegExp(first.body.purchase_id))
    }
    const other = await shop.aSite()
    const otherReply = await buy(other, 'cart-1', { token: one.access })
    t.is(otherReply.status, 201, 'the same key is a separate key for another buyer')
    t.deepEqual((await buy(other, 'cart-1', { token: one.access })).body, otherReply.body)
    t.is((await buy(other, 'cart-1', { token: two.access })).body.code, 'SITE_UNAVAILABLE')
  })

  test('attacker guesses key, email and name of a guest → 409 without checkout data', async t => {
    const { client } = proxiedShop
    const guest = { 'x-forwarded-for': '203.0.113.7', 'user-agent': 'Firefox/140' }
    const networks = ['203.0.113.8', '2001:db8:0:1::7', '2001:db8:0:2::7']
    const attackers = [
      ...networks.map(ip => ({ ...guest, 'x-forwarded-for': ip })),
      ...['Firefox/141', ''].map(agent => ({ ...guest, 'user-agent': agent })),
    ]
    for (const key of ['cart-1', 'f47ac10b-58cc-4372-a567-0e02b2c3d479']) {
      const [slug, body] = [await proxiedShop.aSite(), ada()]
      const ask = (headers: Record<string, string>) =>
        client.post(`/api/v1/sites/${slug}/purchase`, body, {
          headers: { ...headers, 'idempotency-key': key },
        })
      const first = await ask(guest)
      t.is(first.status, 201)
      for (const attacker of attackers) {
        const reply = await ask(attacker)
        t.is(`${reply.status} ${reply.body.code}`, '409 SITE_UNAVAILABLE', JSON.stringify(attacker))
        t.notRegex(reply.text, /checkout/)
      }
      t.deepEqual((await ask(guest)).body, first.body)
    }
  })

  test('guest retries from another address of the same IPv6 /64 → the same reply', async t => {
    const [slug, body] = [await proxiedShop.aSite(), ada()]
    const ask = (ip: string) =>
      proxiedShop.client.post(`/api/v1/sites/${slug}/purchase`, body, {
        headers: { 'x-forwarded-for': ip, 'idempotency-key': 'cart-1' },
      })
    const first = await ask('2001:db8:0:1::7')
    t.is(first.status, 201)
    t.deepEqual((await ask('2001:db8:0:1:a:b:c:d')).body, first.body)
  })

  test('signed-in buyer retries from another network and browser → the same reply', async t => {
    const [slug, { access }] = [await proxiedShop.aSite(), await anAccount(proxiedShop.client)]
    const ask = (ip: string, agent: string) =>
      proxiedShop.client.post(
        `/api/v1/sites/${slug}/purchase`,
        {},
        {
          token: access,
          headers: { 'x-forwarded-for': ip, 'user-agent': agent, 'idempotency-key': 'cart-1' },
        },
      )
    const first = await ask('203.0.113.7', 'Firefox/140')
    t.is(first.status, 201)
    t.deepEqual((await ask('2001:db8::1', 'Firefox/141')).body, first.body)
  })

  test('guest sends key and email of a signed-in buyer → reply shows nothing of the checkout', async t => {
    const [slug, { access, email }] = [
      await shop.aSite(),
      await anAccount(client, { full_name: 'Ada Lovelace' }),
    ]
    t.is((await buy(slug, 'cart-1', { token: access })).status, 201)
    const reply = await buy(slug, 'cart-1', { body: { email, full_name: 'Ada Lovelace' } })
    t.is(reply.body.code, 'SITE_UNAVAILABLE')
    t.notRegex(reply.text, /checkout_url/)
  })

  test('malformed idempotency key → 400, and nothing is reserved', async t => {
    const [slug, body] = [await shop.aSite(), ada()]
    for (const key of ['', 'a b', 'x'.repeat(256), 'é', 'a\tb']) {
      const reply = await buy(slug, key, { body })
      t.is(reply.status, 400, JSON.stringify(key))
      t.is(reply.body.errors[0].path, 'idempotency-key')
    }
    t.is((await shop.siteOf(slug)).status, 'available')
    t.is((await buy(slug, 'x'.repeat(255), { body })).status, 201)
  })

  test('gateway failed → retry with the same key starts a new purchase', async t => {
    const [slug, body] = [await shop.aSite(), ada()]
    const dead = await shop.instance({ RECURRENTE_URL: await unreachableUrl() })
    t.teardown(dead.close)
    t.is((await buy(slug, 'cart-1', { body, by: dead.client })).status, 503)
    const { status, body: begun } = await buy(slug, 'cart-1', { body })
    t.is(status, 201)
    const rows = await purchasesOf(body.email)
    t.deepEqual(
      rows.map(row => row.status),
      ['expired', 'pending'],
    )
    t.is(rows[1]?.id, begun.purchase_id)
  })

  test('retry with the same key after the payment → the same reply', async t => {
    const [slug, body] = [await shop.aSite(), ada()]
    const { body: first } = await buy(slug, 'cart-1', { body })
    const checkoutId = first.checkout_url.split('/').at(-1)
    const about = {
      id: first.purchase_id,
      checkoutId,
      slug,
      email: body.email,
      checkoutUrl: '',
      expiresAt: '',
    }
    t.is((await shop.sendEvent('payment_intent.succeeded', about)).status, 204)
    t.deepEqual((await buy(slug, 'cart-1', { body })).body, first)
    t.is((await purchasesOf(body.email)).length, 1)
  })
}

{
  const shop = listsShop
  const { client, sql } = shop
  type Listed = { id: string; status: string; checkout_url: string | null; email: string }

  const mine = '/api/v1/purchases'
  const all = '/api/v1/admin/purchases'

  const idsOf = ({ body }: Awaited<ReturnType<Client['get']>>): string[] =>
    body.data.map(({ id }: Listed) => id)
  const buyMany = async (account: Account, count: number): Promise<Purchase[]> => {
    const purchases: Purchase[] = []
    for (let i = 0; i < count; i++)
      purchases.push(await shop.aPurchase({ token: account.access, email: account.email }))
    return purchases
  }
  const viewOf = async (token: string, id: string): Promise<Listed> => {
    const { body } = await client.get(mine, { token })
    return body.data.find((each: Listed) => each.id === id)
  }

  test('purchase list → own purchases only, newest first', async t => {
    const [one, two] = [await anAccount(client), await anAccount(client)]
    const [ones, twos] = [await buyMany(one, 3), await buyMany(two, 1)]
    await shop.aPurchase({ email: anEmail() })
    const list = await client.get(mine, { token: one.access })
    t.is(list.status, 200)
    t.deepEqual(idsOf(list), ones.map(({ id }) => id).reverse())
    t.is(list.body.next_cursor, null)
    t.deepEqual(
      idsOf(await client.get(mine, { token: two.access })),
      twos.map(({ id }) => id),
    )
    const [last] = ones.slice(-1)
    t.deepEqual(list.body.data[0], {
      id: last?.id,
      site: { slug: last?.slug, name: 'Corner bakery' },
      amount: 12_500,
      currency: 'GTQ',
      status: 'pending',
      checkout_url: last?.checkoutUrl,
      expires_at: last?.expiresAt,
      created_at: list.body.data[0].created_at,
      paid_at: null,
      refunded_at: null,
    })
    for (const query of [`user_id=${two.userId}`, `email=${two.email}`, 'userId=x', 'issue=amount_mismatch'])
      t.is((await client.get(`${mine}?${query}`, { token: one.access })).status, 400, query)
  })

  test('paging through own purchases → no purchase is skipped or repeated', async t => {
    const account = await anAccount(client)
    const purchases = (await buyMany(account, 5)).map(({ id }) => id).reverse()
    const read = (query: string) => client.get(`${mine}?${query}`, { token: account.access })
    const seen: string[] = []
    let cursor: string | null = ''
    for (let pages = 0; cursor !== null && pages < 9; pages++) {
      const page = await read(`limit=2${cursor && `&cursor=${cursor}`}`)
      seen.push(...idsOf(page))
      cursor = page.body.next_cursor
    }
    t.deepEqual(seen, purchases)
    for (const query of [
      'limit=0',
      'limit=101',
      'limit=x',
      'cursor=x',
      'cursor=',
      'status=x',
      'limit=2&limit=3',
    ])
      t.is((await read(query)).status, 400, query)
  })

  test('cursor of another user → shows none of their purchases', async t => {
    const [one, two] = [await anAccount(client), await anAccount(client)]
    const purchases = await buyMany(one, 2)
    await buyMany(two, 3)
    const { body } = await client.get(`${mine}?limit=1`, { token: two.access })
    const list = await client.get(`${mine}?cursor=${body.next_cursor}`, { token: one.access })
    const ids = purchases.map(({ id }) => id)
    t.true(idsOf(list).every(id => ids.includes(id)))
  })

  test('checkout URL → listed only while the checkout can be paid', async t => {
    const account = await anAccount(client)
    const [paid, failed, expired, over, wrong] = (await buyMany(account, 5)) as [
      Purchase,
      Purchase,
      Purchase,
      Purchase,
      Purchase,
    ]
    const view = ({ id }: Purchase) => viewOf(account.access, id)
    for (const purchase of [paid, failed, expired, over, wrong])
      t.is((await view(purchase)).checkout_url, purchase.checkoutUrl)

    await shop.sendEvent('payment_intent.failed', failed)
    t.like(await view(failed), { status: 'failed', checkout_url: failed.checkoutUrl })
    await shop.sendEvent('payment_intent.succeeded', paid)
    t.like(await view(paid), { status: 'paid', checkout_url: null })
    await shop.sendEvent('refund.succeeded', paid)
    t.like(await view(paid), { status: 'refunded', checkout_url: null })
    await sql("UPDATE purchases SET status = 'expired' WHERE id = $1", [expired.id])
    t.like(await view(expired), { status: 'expired', checkout_url: null })
    await sql("UPDATE purchases SET expires_at = now() - interval '1 second' WHERE id = $1", [over.id])
    t.like(await view(over), { status: 'pending', checkout_url: null })
    // A buyer who paid a wrong amount must not be sent to pay again.
    await shop.sendEvent('payment_intent.succeeded', wrong, { amount: 1 })
    t.like(await view(wrong), { status: 'pending', checkout_url: null })
  })

  test('own purchase list with a status filter → only purchases with that status', async t => {
    const account = await anAccount(client)
    const [paid, open] = (await buyMany(account, 2)) as [Purchase, Purchase]
    await shop.sendEvent('payment_intent.succeeded', paid)
    const by = async (status: string) =>
      idsOf(await client.get(`${mine}?status=${status}`, { token: account.access }))
    t.deepEqual(await by('paid'), [paid.id])
    t.deepEqual(await by('pending'), [open.id])
    t.deepEqual(await by('refunded'), [])
  })

  test('guest pays with the address of a user with a mailed password → listed for that user once paid', async t => {
    const account = await anAccount(client)
    await sql('UPDATE users SET password_proven_at = now() WHERE id = $1', [account.userId])
    const purchase = await shop.aPurchase({ email: account.email })
    t.deepEqual(idsOf(await client.get(mine, { token: account.access })), [], 'not before it is paid')
    await shop.sendEvent('payment_intent.succeeded', purchase)
    t.deepEqual(idsOf(await client.get(mine, { token: account.access })), [purchase.id])
  })

  test('admin purchase list → shows all buyers and issues, and no internal columns', async t => {
    const purchase = await shop.aPurchase()
    await shop.sendEvent('payment_intent.succeeded', purchase, { amount: 1 })
    const list = await client.get(`${all}?email=${purchase.email.toUpperCase()}`, { token: shop.admin })
    t.is(list.status, 200)
    t.is(list.body.data.length, 1)
    t.like(list.body.data[0], {
      ...{ id: purchase.id, email: purchase.email, full_name: 'Ada Lovelace', user_id: null },
      ...{ status: 'pending', issue: 'amount_mismatch', checkout_id: purchase.checkoutId },
    })
    for (const name of ['idempotency_key', 'request_hash', 'look_after', 'site_id', 'locale'])
      t.false(name in list.body.data[0], name)
  })

  test('admin purchase list → filters by status, issue and email combined, with paging', async t => {
    const email = anEmail()
    const [paid, wrong, open] = [
      await shop.aPurchase({ email }),
      await shop.aPurchase({ email }),
      await shop.aPurchase({ email }),
    ]
    await shop.sendEvent('payment_intent.succeeded', paid)
    await shop.sendEvent('payment_intent.succeeded', wrong, { currency: 'USD' })
    const by = async (query: string) =>
      idsOf(await client.get(`${all}?email=${email}&${query}`, { token: shop.admin }))
    t.deepEqual(await by(''), [open.id, wrong.id, paid.id])
    t.deepEqual(await by('status=paid'), [paid.id])
    t.deepEqual(await by('status=pending'), [open.id, wrong.id])
    t.deepEqual(await by('issue=amount_mismatch'), [wrong.id])
    t.deepEqual(await by('issue=amount_mismatch&status=paid'), [])
    t.deepEqual(await by('issue=site_unavailable'), [])
    const { body } = await client.get(`${all}?email=${email}&limit=2`, { token: shop.admin })
    t.deepEqual(await by(`limit=2&cursor=${body.next_cursor}`), [paid.id])
    const every = idsOf(await client.get(`${all}?limit=100`, { token: shop.admin }))
    t.deepEqual(every, [...every].sort().reverse())
    for (const query of [
      'status=x',
      'issue=x',
      'issue=',
      'email=x',
      'email=',
      'x=1',
      `email=${email}&email=${email}`,
    ])
      t.is((await client.get(`${all}?${query}`, { token: shop.admin })).status, 400, query)
  })

  test('purchase lists without the needed role or token → 401 or 403', async t => {
    const { access: token } = await anAccount(client)
    const outcomeOf = async (path: string, options = {}) => {
      const { status, body } = await client.get(path, options)
      return `${status} ${body.code}`
    }
    t.is(await outcomeOf(all, { token }), '403 FORBIDDEN')
    for (const path of [mine, all]) {
      t.is(await outcomeOf(path), '401 AUTH_ERROR')
      t.is(await outcomeOf(path, { token: `${token.slice(0, -4)}AAAA` }), '401 INVALID_TOKEN')
    }
  })
}

{
  const shop = browserShop
  test('browser of an allowed origin sends an idempotency key → CORS allows it', async t => {
    const path = `/api/v1/sites/${await shop.aSite()}/purchase`
    const preflightHeaders = {
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'idempotency-key',
    }
    const preflight = await shop.client.send('OPTIONS', path, { headers: { origin, ...preflightHeaders } })
    t.is(preflight.headers.get('access-control-allow-origin'), origin)
    t.regex(preflight.headers.get('access-control-allow-headers') ?? '', /(?:^|, ?)idempotency-key(?:,|$)/i)
    const headers = { origin, 'idempotency-key': 'cart-1' }
    t.is((await shop.client.post(path, { email: anEmail(), full_name: 'Ada' }, { headers })).status, 201)
  })
}

{
  const shop = limitedShop
  const { client } = shop
  test('one IP address starts six purchases in 30 minutes → the sixth gets 429, reserves nothing', async t => {
    const slugs = await Promise.all(Array.from({ length: 10 }, () => shop.aSite()))
    const { access } = await anAccount(client)
    const buy = (slug: string) =>
      client.post(`/api/v1/sites/${slug}/purchase`, { email: anEmail(), full_name: 'Ada' })
    for (const [i, slug] of slugs.slice(0, 5).entries()) {
      const { status, headers } = await buy(slug)
      t.is(status, 201)
      t.is(headers.get('ratelimit-policy'), '"purchase";q=5;w=1800')
      t.regex(headers.get('ratelimit') ?? '', new RegExp(`^"purchase";r=${4 - i};t=`))
    }
    const last = slugs[5] ?? ''
    const checkouts = shop.gateway.checkouts.size
    // A signed-in buyer is counted by IP address too, because accounts are free.
    const signedIn = await client.post(`/api/v1/sites/${last}/purchase`, {}, { token: access })
    for (const refused of [await buy(last), signedIn]) {
      t.is(`${refused.status} ${refused.body.code}`, '429 RATE_LIMIT_EXCEEDED')
      t.true(Number(refused.headers.get('retry-after')) > 0)
    }
    t.deepEqual(await shop.siteOf(last), { status: 'available', held_by: null })
    t.is(shop.gateway.checkouts.size, checkouts)
    t.is((await client.get(`/api/v1/sites/${last}`)).status, 200, 'the limit does not block reading sites')
  })
}
