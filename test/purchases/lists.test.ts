import test from 'ava'
import type { Client } from '../client.ts'
import { type Account, anAccount, anEmail } from '../make.ts'
import { openShop, type Purchase } from './shop.ts'

const shop = await openShop()
const { client, sql } = shop
test.after.always(() => shop[Symbol.asyncDispose]())

type Listed = { id: string; status: string; checkout_url: string | null; email: string }

const mine = '/api/v1/purchases'
const all = '/api/v1/admin/purchases'

const idsOf = ({ body }: Awaited<ReturnType<Client['get']>>): string[] =>
  body.data.map(({ id }: Listed) => id)
const buys = async (account: Account, count: number): Promise<Purchase[]> => {
  const bought: Purchase[] = []
  for (let i = 0; i < count; i++)
    bought.push(await shop.aPurchase({ token: account.access, email: account.email }))
  return bought
}
const viewOf = async (token: string, id: string): Promise<Listed> => {
  const { body } = await client.get(mine, { token })
  return body.data.find((each: Listed) => each.id === id)
}

test('everybody sees their own purchases, the newest first, and nobody’s else', async t => {
  const [one, two] = [await anAccount(client), await anAccount(client)]
  const [ones, twos] = [await buys(one, 3), await buys(two, 1)]
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

test('a page leads to the next one, and none skips or repeats', async t => {
  const account = await anAccount(client)
  const bought = (await buys(account, 5)).map(({ id }) => id).reverse()
  const read = (query: string) => client.get(`${mine}?${query}`, { token: account.access })
  const seen: string[] = []
  let cursor: string | null = ''
  for (let pages = 0; cursor !== null && pages < 9; pages++) {
    const page = await read(`limit=2${cursor && `&cursor=${cursor}`}`)
    seen.push(...idsOf(page))
    cursor = page.body.next_cursor
  }
  t.deepEqual(seen, bought)
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

test('another’s cursor shows nothing of theirs', async t => {
  const [one, two] = [await anAccount(client), await anAccount(client)]
  const bought = await buys(one, 2)
  await buys(two, 3)
  const { body } = await client.get(`${mine}?limit=1`, { token: two.access })
  const list = await client.get(`${mine}?cursor=${body.next_cursor}`, { token: one.access })
  const ids = bought.map(({ id }) => id)
  t.true(idsOf(list).every(id => ids.includes(id)))
})

test('the address of a checkout is shown for as long as it can be paid', async t => {
  const account = await anAccount(client)
  const [paid, failed, expired, over, wrong] = (await buys(account, 5)) as [
    Purchase,
    Purchase,
    Purchase,
    Purchase,
    Purchase,
  ]
  const view = ({ id }: Purchase) => viewOf(account.access, id)
  for (const purchase of [paid, failed, expired, over, wrong])
    t.is((await view(purchase)).checkout_url, purchase.checkoutUrl)

  await shop.tell('payment_intent.failed', failed)
  t.like(await view(failed), { status: 'failed', checkout_url: failed.checkoutUrl })
  await shop.tell('payment_intent.succeeded', paid)
  t.like(await view(paid), { status: 'paid', checkout_url: null })
  await shop.tell('refund.succeeded', paid)
  t.like(await view(paid), { status: 'refunded', checkout_url: null })
  await sql("UPDATE purchases SET status = 'expired' WHERE id = $1", [expired.id])
  t.like(await view(expired), { status: 'expired', checkout_url: null })
  await sql("UPDATE purchases SET expires_at = now() - interval '1 second' WHERE id = $1", [over.id])
  t.like(await view(over), { status: 'pending', checkout_url: null })
  // Whoever paid, if another amount, is not sent to pay again.
  await shop.tell('payment_intent.succeeded', wrong, { amount: 1 })
  t.like(await view(wrong), { status: 'pending', checkout_url: null })
})

test('one’s own list is filtered by status', async t => {
  const account = await anAccount(client)
  const [paid, open] = (await buys(account, 2)) as [Purchase, Purchase]
  await shop.tell('payment_intent.succeeded', paid)
  const by = async (status: string) =>
    idsOf(await client.get(`${mine}?status=${status}`, { token: account.access }))
  t.deepEqual(await by('paid'), [paid.id])
  t.deepEqual(await by('pending'), [open.id])
  t.deepEqual(await by('refunded'), [])
})

test('what a guest bought is theirs in the account that the payment made them', async t => {
  const account = await anAccount(client)
  await sql('UPDATE users SET email_verified = true WHERE id = $1', [account.userId])
  const purchase = await shop.aPurchase({ email: account.email })
  t.deepEqual(idsOf(await client.get(mine, { token: account.access })), [], 'not before it is paid')
  await shop.tell('payment_intent.succeeded', purchase)
  t.deepEqual(idsOf(await client.get(mine, { token: account.access })), [purchase.id])
})

test('administrators see everybody’s, with who it was and what there is to look at', async t => {
  const purchase = await shop.aPurchase()
  await shop.tell('payment_intent.succeeded', purchase, { amount: 1 })
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

test('an administrator filters by status, issue and address, all at once, and by page', async t => {
  const email = anEmail()
  const [paid, wrong, open] = [
    await shop.aPurchase({ email }),
    await shop.aPurchase({ email }),
    await shop.aPurchase({ email }),
  ]
  await shop.tell('payment_intent.succeeded', paid)
  await shop.tell('payment_intent.succeeded', wrong, { currency: 'USD' })
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

test('nobody sees a list that is not theirs to see', async t => {
  const { access: token } = await anAccount(client)
  const told = async (path: string, options = {}) => {
    const { status, body } = await client.get(path, options)
    return `${status} ${body.code}`
  }
  t.is(await told(all, { token }), '403 FORBIDDEN')
  for (const path of [mine, all]) {
    t.is(await told(path), '401 AUTH_ERROR')
    t.is(await told(path, { token: `${token.slice(0, -4)}AAAA` }), '401 INVALID_TOKEN')
  }
})
