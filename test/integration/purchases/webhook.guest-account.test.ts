import { readFileSync } from 'node:fs'
import test from 'ava'
import { anAccount, anEmail } from '../../make.ts'
import { askMove, aVerified, linked, rowOf, settled } from '../addresses/moving.ts'
import { another, askReset } from '../passwords/forgetful.ts'
import { openShop } from './shop.ts'

// Whose a purchase is that a guest has paid: the mailbox's, and nobody's who was there before it.

const shop = await openShop({ worker: true })
const other = await shop.instance()
test.after.always(() => shop[Symbol.asyncDispose]())

const { client } = shop

/** A guest's purchase, paid. */
const aPaid = async (given: Parameters<typeof shop.aPurchase>[0] = {}) => {
  const purchase = await shop.aPurchase(given)
  const { status } = await shop.tell('payment_intent.succeeded', purchase)
  if (status !== 204) throw new Error(`the event was answered ${status}`)
  return purchase
}

const buyerOf = async (id: string) => rowOf(shop, (await shop.rowOf(id)).user_id ?? '')

const mailsTo = async (email: string) => shop.mails.sentTo(email)

const purchasesOf = async (token: string): Promise<string[]> => {
  const { status, body } = await client.get('/api/v1/purchases', { token })
  if (status !== 200) throw new Error(`purchases answered ${status}`)
  return body.data.map(({ id }: { id: string }) => id)
}

const signIn = async (email: string, password: string): Promise<string> => {
  const { status, body } = await client.post('login', { email, password })
  if (status !== 200) throw new Error(`login answered ${status}`)
  return body.access_token
}

test('a guest gets an account without a password, and chooses one by the mailed link, once', async t => {
  const { id, email } = await aPaid()
  t.like(await buyerOf(id), { email, full_name: 'Ada Lovelace', email_verified: false, password_hash: null })
  const { token } = await linked(shop, email, 'reset-password')
  t.is((await client.post('login', { email, password: another })).status, 401)

  t.is((await client.post('reset-password', { token, new_password: another })).status, 204)
  t.true((await buyerOf(id)).email_verified)
  t.deepEqual(await purchasesOf(await signIn(email, another)), [id])

  t.is((await client.post('reset-password', { token, new_password: 'another phrase 8' })).status, 401)
  await signIn(email, another)
  await settled(shop)
  const owed = (await shop.owedTo(email)).filter(kind => kind !== 'new_device')
  t.deepEqual(owed, ['password_changed', 'purchase_confirmation', 'welcome_guest'])
})

test('the confirmation names the site, the price and the purchase', async t => {
  const { id, email } = await aPaid()
  await settled(shop)
  const texts = (await mailsTo(email)).map(({ mail }) => mail.text ?? '')
  const confirmation = texts.find(text => text.includes(id)) ?? ''
  t.true(confirmation.includes('Corner bakery'))
  t.regex(confirmation, /125[.,]00/)
  t.notRegex(confirmation, /token=|lkp_/)
  t.is(texts.length, 2)
})

test('the code of the mail chooses a password as well', async t => {
  const { id, email } = await aPaid()
  const { code, token } = await linked(shop, email, 'reset-password')
  t.is((await client.post('reset-password', { email, code, new_password: another })).status, 204)
  t.is((await client.post('reset-password', { token, new_password: another })).status, 401)
  t.deepEqual(await purchasesOf(await signIn(email, another)), [id])
})

test('a guest who buys twice gets one account, and the newer link works', async t => {
  const first = await aPaid()
  const { email } = first
  await linked(shop, email, 'reset-password')
  const second = await aPaid({ email })
  const { token } = await linked(shop, email, 'reset-password', 2)
  t.is((await client.post('reset-password', { token, new_password: another })).status, 204)
  t.deepEqual(await purchasesOf(await signIn(email, another)), [second.id, first.id])
})

test('the mails are in the language of whoever bought', async t => {
  const { email } = await aPaid({ headers: { 'accept-language': 'es-GT,es;q=0.9,en;q=0.1' } })
  await settled(shop)
  const subjects = ['welcome_guest', 'purchase_confirmation'].map(kind => {
    const words = new URL(`../../../templates/es/${kind}.json`, import.meta.url)
    return JSON.parse(readFileSync(words, 'utf8')).subject
  })
  t.deepEqual((await mailsTo(email)).map(({ mail }) => mail.subject).sort(), subjects.sort())
})

test('an address is one, however it is written', async t => {
  const { email, userId } = await aVerified(shop)
  const { id } = await aPaid({ email: ` ${email.toUpperCase()} ` })
  t.is((await shop.rowOf(id)).user_id, userId)
})

test('a verified account gets the purchase of its address, and nothing of it ends', async t => {
  const account = await aVerified(shop)
  const before = await rowOf(shop, account.userId)
  const { id } = await aPaid({ email: account.email })
  t.deepEqual(await rowOf(shop, account.userId), before)
  t.deepEqual(await purchasesOf(account.access), [id])
  t.is((await client.post('refresh', { refresh_token: account.refresh })).status, 200)
  await signIn(account.email, account.password)
  await settled(shop)
  t.false((await shop.owedTo(account.email)).includes('welcome_guest'))
  t.true((await shop.owedTo(account.email)).includes('purchase_confirmation'))
})

/** Somebody who registered an address that is not theirs, with all that they can have of it. */
const aSquatter = async (ours: string) => {
  const account = await anAccount(client, { email: ours, full_name: 'Squatter' })
  const verification = await linked(shop, ours, 'verify-email')
  const { body: second } = await other.client.post('login', { email: ours, password: account.password })
  const theirs = anEmail()
  const move = await askMove(shop, account, theirs)
  const reset = await askReset(shop, ours)
  return { ...account, second, theirs, move, reset, verification }
}

for (const when of ['before the guest came', 'while the guest was at the checkout'])
  test(`whoever registered the address ${when} keeps nothing of it, and sees no purchase`, async t => {
    const ours = anEmail()
    const early = when.startsWith('before') && (await aSquatter(ours))
    const purchase = await shop.aPurchase({ email: ours })
    const squatter = early || (await aSquatter(ours))
    const { move, theirs, verification, reset, second } = squatter
    t.is((await shop.tell('payment_intent.succeeded', purchase)).status, 204)

    t.is((await client.post('login', { email: ours, password: squatter.password })).status, 401)
    for (const at of [client, other.client]) {
      for (const token of [squatter.access, second.access_token]) {
        t.is((await at.get('me', { token })).status, 401)
        t.is((await at.get('/api/v1/purchases', { token })).status, 401)
      }
      for (const refresh_token of [squatter.refresh, second.refresh_token])
        t.is((await at.post('refresh', { refresh_token })).status, 401)
    }
    t.is((await client.post('confirm-email', { token: move.token })).status, 401)
    t.is((await client.post('confirm-email', { email: theirs, code: move.code })).status, 401)
    t.is((await client.post('verify-email', { token: verification.token })).status, 401)
    t.is((await client.post('verify-email', { email: ours, code: verification.code })).status, 401)
    t.is((await client.post('verify-reset-token', { token: reset.token })).status, 401)
    t.is((await client.post('verify-reset-token', { email: ours, code: reset.code })).status, 401)
    t.like(await buyerOf(purchase.id), { email: ours, email_verified: false, password_hash: null })

    const { token } = await linked(shop, ours, 'reset-password', 2)
    t.is((await client.post('reset-password', { token, new_password: another })).status, 204)
    t.deepEqual(await purchasesOf(await signIn(ours, another)), [purchase.id])
    t.is((await client.get('me', { token: squatter.access })).status, 401)
  })

test('whoever signs in by a squatter’s password while the guest pays does not stay', async t => {
  const { email, password } = await anAccount(client)
  const purchase = await shop.aPurchase({ email })
  const [paid, ...logins] = await Promise.all([
    shop.tell('payment_intent.succeeded', purchase),
    ...Array.from({ length: 8 }, (_, i) =>
      (i % 2 ? client : other.client).post('login', { email, password }),
    ),
  ])
  t.is(paid.status, 204)
  for (const { status, body } of logins) {
    t.true(status === 200 || status === 401)
    if (status !== 200) continue
    t.is((await client.get('me', { token: body.access_token })).status, 401)
    t.is((await client.post('refresh', { refresh_token: body.refresh_token })).status, 401)
  }
})

test('a squatter who closes the account of an address does not take its purchases away', async t => {
  const squatter = await anAccount(client)
  const { email, password, access: token } = squatter
  t.is((await client.send('DELETE', 'me', { body: { password }, token })).status, 204)
  const { id } = await aPaid({ email })
  const { token: chosen } = await linked(shop, email, 'reset-password')
  t.is((await client.post('reset-password', { token: chosen, new_password: another })).status, 204)
  t.deepEqual(await purchasesOf(await signIn(email, another)), [id])
})

test('whoever buys while they are signed in keeps all that they have, verified or not', async t => {
  const account = await anAccount(client)
  const { token } = await linked(shop, account.email, 'verify-email')
  const before = await rowOf(shop, account.userId)
  const { id } = await aPaid({ token: account.access, email: account.email })
  t.is((await shop.rowOf(id)).user_id, account.userId)
  t.deepEqual(await rowOf(shop, account.userId), before)
  t.deepEqual(await purchasesOf(account.access), [id])
  t.is((await client.post('refresh', { refresh_token: account.refresh })).status, 200)
  t.is((await client.post('verify-email', { token })).status, 200)
  await settled(shop)
  t.false((await shop.owedTo(account.email)).includes('welcome_guest'))
})

test('a purchase goes with its buyer to another address', async t => {
  const account = await aVerified(shop)
  const purchase = await shop.aPurchase({ token: account.access, email: account.email })
  const moved = anEmail()
  const { token } = await askMove(shop, account, moved)
  t.is((await client.post('confirm-email', { token })).status, 200)
  await shop.tell('payment_intent.succeeded', purchase)
  t.is((await shop.rowOf(purchase.id)).user_id, account.userId)
  await settled(shop)
  t.deepEqual(await shop.owedTo(moved), ['email_change', 'purchase_confirmation'])
})

test('a deactivated account gets its purchase and is told of it, and stays closed', async t => {
  const account = await aVerified(shop)
  const path = `/api/v1/admin/users/${account.userId}`
  t.is((await client.patch(path, { is_active: false }, { token: shop.admin })).status, 200)
  const { id, email } = await aPaid({ email: account.email })
  t.is((await shop.rowOf(id)).user_id, account.userId)
  await settled(shop)
  t.true((await mailsTo(email)).some(({ mail }) => mail.text?.includes(id)))
  t.false((await shop.owedTo(email)).includes('welcome_guest'))
  t.is((await client.post('login', { email, password: account.password })).status, 403)
})

test('an account that is erased takes address and name out of its purchases', async t => {
  const account = await aVerified(shop)
  const bought = await aPaid({ token: account.access, email: account.email })
  const late = await shop.aPurchase({ token: account.access, email: account.email })
  await shop.sql(`UPDATE purchases SET status = 'expired' WHERE id = $1`, [late.id])
  await shop.sql(`UPDATE users SET erase_after = now() - interval '1 second' WHERE id = $1`, [account.userId])
  await settled(shop)
  t.true((await shop.run('eraseAccounts')) >= 1)
  await shop.run('forgetBuyers')
  const forgotten = { user_id: null, email: null, full_name: null }
  t.like(await shop.rowOf(bought.id), { ...forgotten, status: 'paid' })
  t.is((await shop.siteOf(bought.slug)).status, 'sold')
  t.is((await shop.rowOf(late.id)).email, account.email, 'it may be paid still')
  await shop.sql(`UPDATE purchases SET updated_at = now() - interval '31 days' WHERE id = $1`, [late.id])
  await shop.run('forgetBuyers')
  t.like(await shop.rowOf(late.id), forgotten)
})

test('a payment of somebody who is forgotten by then is told of, and sells nothing', async t => {
  const purchase = await shop.aPurchase()
  await shop.sql(`UPDATE purchases SET status = 'expired', email = NULL, full_name = NULL WHERE id = $1`, [
    purchase.id,
  ])
  t.is((await shop.tell('payment_intent.succeeded', purchase)).status, 204)
  t.like(await shop.rowOf(purchase.id), { status: 'paid', issue: 'site_unavailable', user_id: null })
})
