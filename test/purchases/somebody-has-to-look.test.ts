import test from 'ava'
import { anAccount, anEmail } from '../make.ts'
import { openShop, type Purchase } from './shop.ts'

// What sells nothing wrong, and yet nobody would notice.

const shop = await openShop()
test.after.always(() => shop[Symbol.asyncDispose]())

const alarms = ({ id }: Purchase) =>
  shop.logs
    .map(line => JSON.parse(line))
    .filter(({ level, purchase_id }) => level === 'error' && purchase_id === id)
    .map(({ outcome }) => outcome)

test('a second payment of what is paid is told of, the same one twice is not', async t => {
  const purchase = await shop.aPurchase()
  for (const paymentId of ['pa_first', 'pa_first', 'pa_second'])
    t.is((await shop.tell('payment_intent.succeeded', purchase, { paymentId })).status, 204)
  t.deepEqual(alarms(purchase), ['paid_twice'])
  t.like(await shop.rowOf(purchase.id), { status: 'paid', issue: null, payment_id: 'pa_first' })
})

test('a payment after the refund of another one is told of, one that is told of late is not', async t => {
  const purchase = await shop.aPurchase()
  await shop.tell('payment_intent.succeeded', purchase, { paymentId: 'pa_one' })
  await shop.tell('refund.succeeded', purchase, { paymentId: 'pa_one' })
  await shop.tell('payment_intent.succeeded', purchase, { paymentId: 'pa_one' })
  t.deepEqual(alarms(purchase), [])
  await shop.tell('payment_intent.succeeded', purchase, { paymentId: 'pa_two' })
  t.deepEqual(alarms(purchase), ['paid_twice'])
  t.is((await shop.siteOf(purchase.slug)).status, 'available')
})

test('a purchase for an account that nobody can enter is told of, and is theirs', async t => {
  const { email, userId } = await anAccount(shop.client)
  await shop.sql('UPDATE users SET is_active = false, email_verified = true WHERE id = $1', [userId])
  const purchase = await shop.aPurchase({ email })
  await shop.tell('payment_intent.succeeded', purchase)
  t.deepEqual(alarms(purchase), ['account_closed'])
  t.like(await shop.rowOf(purchase.id), { status: 'paid', user_id: userId })
})

test('whoever registered the address of a guest leaves no name and no language behind', async t => {
  const email = anEmail()
  const { userId } = await anAccount(shop.client, {
    email,
    full_name: 'Mallory',
    phone: '+442071838750',
    address: '1 Street',
    preferred_language: 'ar',
  })
  await shop.tell('payment_intent.succeeded', await shop.aPurchase({ email }))
  const [row] = await shop.sql('SELECT * FROM users WHERE id = $1', [userId])
  t.like(row, {
    ...{ full_name: 'Ada Lovelace', phone: null, address: null, preferred_language: null, picture_url: null },
    password_hash: null,
  })
})
