import test, { type ExecutionContext } from 'ava'
import type { Reply } from '../client.ts'
import { anAccount, anEmail } from '../make.ts'
import { openShop } from './shop.ts'

const shop = await openShop()
const { client, sql } = shop
test.after.always(() => shop[Symbol.asyncDispose]())

type Options = { token?: string; headers?: Record<string, string> }

const buy = (slug: string, body: unknown, options: Options = {}) =>
  client.post(`/api/v1/sites/${slug}/purchase`, body, options)
const ada = () => ({ email: anEmail(), full_name: 'Ada Lovelace' })

const nothingIsReserved = async (t: ExecutionContext, slug: string) => {
  t.deepEqual(await shop.siteOf(slug), { status: 'available', held_by: null })
  const text = 'SELECT FROM purchases p JOIN sites s ON s.id = site_id WHERE slug = $1'
  t.is((await sql(text, [slug])).length, 0)
}
const errorsOf = ({ body }: Reply): { path: string; rule: string }[] =>
  body.errors.map(({ path, rule }: { path: string; rule: string }) => ({ path, rule }))

test('a guest says an address and a name, and gets a checkout', async t => {
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
    'no account before a payment',
  )
})

test('what a guest leaves out is named, each by its path', async t => {
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
  await nothingIsReserved(t, slug)
})

test('whoever is signed in need say nothing, and buys by their own address and name', async t => {
  const slug = await shop.aSite()
  const account = await anAccount(client, { full_name: 'Grace Hopper' })
  const { status, body } = await buy(slug, {}, { token: account.access })
  t.is(status, 201)
  const { email, userId: user_id } = account
  t.like(await shop.rowOf(body.purchase_id), { email, user_id, full_name: 'Grace Hopper' })
})

test('whoever is signed in may say their own address, in whatever case, and another name', async t => {
  const account = await anAccount(client, { full_name: 'Grace Hopper' })
  const said = { email: ` ${account.email.toUpperCase()}`, full_name: 'Rear Admiral Hopper' }
  const { status, body } = await buy(await shop.aSite(), said, { token: account.access })
  t.is(status, 201)
  const row = await shop.rowOf(body.purchase_id)
  t.like(row, { email: account.email, user_id: account.userId, full_name: said.full_name })
})

test('nobody who is signed in buys by another address', async t => {
  const [slug, account, other] = [await shop.aSite(), await anAccount(client), await anAccount(client)]
  for (const email of [other.email, anEmail()]) {
    const reply = await buy(slug, { email, full_name: 'Ada' }, { token: account.access })
    t.is(reply.status, 400)
    t.deepEqual(errorsOf(reply), [{ path: 'email', rule: 'own_email' }])
    t.notRegex(reply.text, new RegExp(email))
  }
  await nothingIsReserved(t, slug)
})

test('credentials that prove nothing are refused, and never taken for a guest', async t => {
  const slug = await shop.aSite()
  const ended = await anAccount(client)
  t.is((await client.post('logout', {}, { token: ended.access })).status, 204)
  const bought = (authorization: string) => buy(slug, ada(), { headers: { authorization } })
  for (const [authorization, status, code] of [
    [`Bearer ${ended.access}`, 401, 'SESSION_REVOKED'],
    [`Bearer ${ended.access.slice(0, -4)}AAAA`, 401, 'INVALID_TOKEN'],
    [`Bearer ${ended.refresh}`, 401, 'INVALID_TOKEN'],
    ['Bearer', 400, 'VALIDATION_ERROR'],
    ['Basic YWRhOnB3', 400, 'VALIDATION_ERROR'],
  ] as const) {
    const reply = await bought(authorization)
    t.is(`${reply.status} ${reply.body.code}`, `${status} ${code}`, authorization.slice(0, 12))
  }
  await nothingIsReserved(t, slug)
})

test.serial('a token that has expired is refused, and never taken for a guest', async t => {
  const [slug, { access }] = [await shop.aSite(), await anAccount(client)]
  shop.clock.shift += 20 * 60_000
  const { status, body } = await buy(slug, ada(), { token: access })
  shop.clock.shift -= 20 * 60_000
  t.is(`${status} ${body.code}`, '401 TOKEN_EXPIRED')
  await nothingIsReserved(t, slug)
})

test('nobody sets a price, an owner or an end of their own', async t => {
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
  await nothingIsReserved(t, slug)
})

test('what is no single address or no name is refused', async t => {
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
  await nothingIsReserved(t, slug)
})

test('a site that is not there is 404, whatever its name looks like', async t => {
  for (const slug of [
    ...['no-such-site', 'No-Such', '-a', 'a--b', 'a_b', 'x'.repeat(81), '%00', '%27%3B--', '%2e%2e', 'a%2Fb'],
    ...['%F0%9F%92%A9', 'a%0D%0Ab', '*', '__proto__'],
  ]) {
    const reply = await buy(slug, ada())
    t.is(`${reply.status} ${reply.body?.code}`, '404 NOT_FOUND', slug)
  }
})

test('a site that is sold, or that another is paying for, is 409', async t => {
  const purchase = await shop.aPurchase()
  const refused = async () => {
    const { status, body } = await buy(purchase.slug, ada())
    return `${status} ${body.code}`
  }
  t.is(await refused(), '409 SITE_UNAVAILABLE')
  t.is((await shop.tell('payment_intent.succeeded', purchase)).status, 204)
  t.is(await refused(), '409 SITE_UNAVAILABLE')
})
