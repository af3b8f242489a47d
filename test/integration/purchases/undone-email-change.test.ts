import anyTest from 'ava'
import { anAccount, anEmail } from '../../fixtures.ts'
import {
  aVerifiedAccount,
  changeEmail,
  countEvents,
  rowOf,
  untilNoEmailQueued,
  waitForLink,
} from '../email-change/change-email.ts'
import { newPassword } from '../passwords/user-with-reset-mail.ts'
import { accountWithMailedPassword } from './account-with-mailed-password.ts'
import { openShop } from './shop.ts'

// An email change is undone, and guests have paid with the old or the new address in the meantime.

const test = anyTest.serial

const shop = await openShop({ worker: true })
const other = await shop.instance()
anyTest.after.always(() => shop[Symbol.asyncDispose]())

const { client, sql } = shop

/** A paid purchase. */
const paidPurchase = async (given: Parameters<typeof shop.aPurchase>[0] = {}) => {
  const purchase = await shop.aPurchase(given)
  const { status } = await shop.sendEvent('payment_intent.succeeded', purchase)
  if (status !== 204) throw new Error(`the event was answered ${status}`)
  return purchase
}

const purchasesOf = async (token: string): Promise<string[]> => {
  const { body } = await client.get('/api/v1/purchases', { token })
  return body.data.map(({ id }: { id: string }) => id)
}

/** Resets the password by the last of `count` links, and signs in. */
const resetBy = async (email: string, count = 1) => {
  const { token } = await waitForLink(shop, email, 'reset-password', count)
  const { status } = await client.post('reset-password', { token, new_password: newPassword })
  if (status !== 204) throw new Error(`reset-password answered ${status}`)
  const { body } = await client.post('login', { email, password: newPassword })
  return { token: body.access_token as string, userId: body.user.id as string }
}

/** An account whose email a thief has changed, with a function that undoes it. */
const stolenAccount = async () => {
  const owner = await aVerifiedAccount(shop)
  const thiefEmail = `thief-${anEmail()}`
  await changeEmail(shop, owner, thiefEmail)
  const { token } = await waitForLink(shop, owner.email, 'undo-email-change')
  return { owner, thiefEmail, undo: (at = client) => at.post('undo-email-change', { token }) }
}

/** Runs the jobs that delete data. They must not lose a paid purchase. */
const runDeletionJobs = async () => {
  await shop.run('eraseAccounts')
  await shop.run('forgetBuyers')
}

test('guest pays with the old address, change is undone → the restored account owns the purchase', async t => {
  const { owner, undo } = await stolenAccount()
  const { id } = await paidPurchase({ email: owner.email })
  const guest = (await shop.rowOf(id)).user_id ?? ''
  t.not(guest, owner.userId)
  await waitForLink(shop, owner.email, 'reset-password')

  const reply = await undo()
  t.is(reply.status, 200)
  t.deepEqual(reply.body, { email: owner.email, email_verified: true })
  t.like(await shop.rowOf(id), { user_id: owner.userId, email: owner.email, status: 'paid', claim: 'done' })
  await runDeletionJobs()
  t.deepEqual(await sql('SELECT FROM users WHERE id = $1', [guest]), [])
  t.like(await shop.rowOf(id), { user_id: owner.userId, email: owner.email, full_name: 'Ada Lovelace' })

  const restored = await resetBy(owner.email, 2)
  t.is(restored.userId, owner.userId)
  t.deepEqual(await purchasesOf(restored.token), [id])
  t.is(await countEvents(shop, owner.userId, 'user.merged'), 1)
  const { body } = await client.get('me/export', { token: restored.token })
  const kinds = body.emails.map(({ kind }: { kind: string }) => kind)
  for (const kind of ['welcome_guest', 'purchase_confirmation']) t.true(kinds.includes(kind), kind)
})

test('undo after a guest purchase → the link and code mailed to the guest are dead', async t => {
  const { owner, undo } = await stolenAccount()
  await paidPurchase({ email: owner.email })
  const { token, code } = await waitForLink(shop, owner.email, 'reset-password')
  t.is((await undo()).status, 200)
  for (const body of [{ token }, { email: owner.email, code }])
    t.is((await client.post('reset-password', { ...body, new_password: newPassword })).status, 401)
  t.is((await rowOf(shop, owner.userId)).password_hash, null)
})

test('undo during the payment → the purchase belongs to the restored account', async t => {
  for (let round = 0; round < 6; round++) {
    const { owner, undo } = await stolenAccount()
    const earlier = await paidPurchase({ email: owner.email })
    const purchase = await shop.aPurchase({ email: owner.email })
    const pay = () => shop.sendEvent('payment_intent.succeeded', purchase)
    const [undone, paid] = await Promise.all([undo(other.client), pay()])
    t.is(undone.status, 200)
    // The gateway resends an event that got no 2xx.
    if (paid.status !== 204) t.is((await pay()).status, 204)
    for (const { id } of [earlier, purchase]) t.is((await shop.rowOf(id)).user_id, owner.userId)
  }
})

test('squatter registered the old address → undo gives all its purchases to the restored account', async t => {
  const { owner, undo } = await stolenAccount()
  const squatter = await anAccount(client, { email: owner.email, password: 'a squatter 4 phrase' })
  const squatterPurchase = await paidPurchase({ token: squatter.access, email: owner.email })
  const { id } = await paidPurchase({ email: owner.email })
  t.like(await shop.rowOf(id), { user_id: null, claim: 'waiting' })
  await waitForLink(shop, owner.email, 'reset-password')
  t.is((await undo()).status, 200)
  t.is((await client.get('me', { token: squatter.access })).status, 401)
  await runDeletionJobs()
  for (const purchase of [squatterPurchase.id, id])
    t.like(await shop.rowOf(purchase), { user_id: owner.userId, email: owner.email })
  await untilNoEmailQueued(shop)
  const { token } = await resetBy(owner.email, 2)
  t.deepEqual((await purchasesOf(token)).sort(), [squatterPurchase.id, id].sort())
})

test('administrator without a password has the old address → undo gets 409, nothing changes', async t => {
  const { owner, thiefEmail, undo } = await stolenAccount()
  const { id } = await paidPurchase({ email: owner.email })
  const guest = (await shop.rowOf(id)).user_id ?? ''
  await sql(`UPDATE users SET roles = '{user,admin}' WHERE id = $1`, [guest])
  const reply = await undo()
  t.is(`${reply.status} ${reply.body.code}`, '409 DUPLICATE_ENTRY')
  t.is((await rowOf(shop, owner.userId)).email, thiefEmail)
  t.is((await shop.rowOf(id)).user_id, guest)
})

test('account moved to the address of a victim, then undone → the victim keeps own purchases', async t => {
  const mover = await accountWithMailedPassword(shop)
  const own = await paidPurchase({ token: mover.access, email: mover.email })
  const victim = anEmail()
  await changeEmail(shop, mover, victim)
  const undo = await waitForLink(shop, mover.email, 'undo-email-change')
  const { id } = await paidPurchase({ email: victim })
  const victimSession = await resetBy(victim)
  t.deepEqual((await purchasesOf(victimSession.token)).sort(), [own.id, id].sort())

  const { status } = await client.post('undo-email-change', { token: undo.token })
  t.is(status, 200)
  t.like(await shop.rowOf(id), { user_id: null, email: victim, claim: 'waiting' })
  t.is((await shop.rowOf(own.id)).user_id, mover.userId)
  await runDeletionJobs()
  await anAccount(client, { email: victim })
  await client.post('forgot-password', { email: victim })
  const again = await resetBy(victim, 2)
  t.deepEqual(await purchasesOf(again.token), [id])
})
