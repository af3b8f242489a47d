import anyTest from 'ava'
import { type Account, anAccount, anEmail, hashOf, password, tokenOf } from '../../fixtures.ts'
import { anApp } from '../../totp.ts'
import {
  aVerifiedAccount,
  changeEmail,
  countEvents,
  requestEmailChange,
  rowOf,
  untilNoEmailQueued,
  waitForLink,
} from '../email-change/change-email.ts'
import { newPassword } from '../passwords/user-with-reset-mail.ts'
import { accountWithMailedPassword } from './account-with-mailed-password.ts'
import { openShop } from './shop.ts'

// A guest pays with an address whose account may belong to a squatter. The purchase waits until the owner of the mailbox
// claims it by a password reset.

const test = anyTest.serial

const shop = await openShop({ worker: true })
const other = await shop.instance()
anyTest.after.always(() => shop[Symbol.asyncDispose]())

const { client, sql } = shop

type Session = { email: string; password: string; access: string; refresh: string; userId: string }

/** A paid purchase of a guest. */
const paidPurchase = async (given: Parameters<typeof shop.aPurchase>[0] = {}) => {
  const purchase = await shop.aPurchase(given)
  const { status } = await shop.sendEvent('payment_intent.succeeded', purchase)
  if (status !== 204) throw new Error(`the event was answered ${status}`)
  return purchase
}

const idsOf = async (path: string, token: string): Promise<string[]> => {
  const { status, body } = await client.get(path, { token })
  if (status !== 200) throw new Error(`${path} answered ${status}`)
  return (body.data ?? body.modules.purchases).map(({ id }: { id: string }) => id)
}

const purchasesOf = (token: string) => idsOf('/api/v1/purchases', token)

const signIn = async (email: string, word: string): Promise<string> => {
  const { status, body } = await client.post('login', { email, password: word })
  if (status !== 200) throw new Error(`login answered ${status}`)
  return body.access_token
}

/** Sets a password by the link of the purchase email, as the owner of the mailbox does, and signs in. */
const claim = async (email: string): Promise<string> => {
  const { token } = await waitForLink(shop, email, 'reset-password')
  const { status } = await client.post('reset-password', { token, new_password: 'the buyer 12 phrase' })
  if (status !== 204) throw new Error(`reset-password answered ${status}`)
  return signIn(email, 'the buyer 12 phrase')
}

const sessionOf = ({ email, password, access, refresh, userId }: Account): Session => ({
  ...{ email, password, access, refresh, userId },
})

const confirmedByOwner = async (email: string): Promise<Session> =>
  sessionOf(await aVerifiedAccount(shop, { email }))

const withChangedPassword = async (squatter: Session): Promise<Session> => {
  const body = { current_password: squatter.password, new_password: 'their other 9 words' }
  const reply = await client.post('change-password', body, { token: squatter.access })
  if (reply.status !== 200) throw new Error(`change-password answered ${reply.status}`)
  const { access_token: access, refresh_token: refresh } = reply.body
  return { ...squatter, password: 'their other 9 words', access, refresh }
}

/** Ways for a squatter to hold an account at the address of another person. Each returns a session and its password. */
const squatters: Record<string, (email: string) => Promise<Session>> = {
  'that a squatter has registered': async email => sessionOf(await anAccount(client, { email })),
  'that a squatter has registered and its owner has confirmed': confirmedByOwner,
  'confirmed by its owner, password changed by the squatter': async email =>
    withChangedPassword(await confirmedByOwner(email)),
  'to which a squatter moved a verified account, confirmed by its owner': async email => {
    const account = await aVerifiedAccount(shop)
    await changeEmail(shop, account, email)
    return { ...sessionOf(account), email }
  },
  'to which a squatter moved an account with a password set by mail': async email => {
    const account = await accountWithMailedPassword(shop)
    await changeEmail(shop, account, email)
    return withChangedPassword({ ...sessionOf(account), email })
  },
  'imported as verified with a password hash': async email => {
    await sql(
      'INSERT INTO users (id, email, email_verified, password_hash) VALUES (gen_random_uuid(), $1, true, $2)',
      [email, await hashOf(password)],
    )
    const { body } = await client.post('login', { email, password })
    return { email, password, access: body.access_token, refresh: body.refresh_token, userId: body.user.id }
  },
}

for (const [how, squat] of Object.entries(squatters))
  test(`guest pays with an address ${how} → only the mailbox gets the purchase`, async t => {
    const email = anEmail()
    const squatter = await squat(email)
    const before = await rowOf(shop, squatter.userId)
    const { id } = await paidPurchase({ email })
    t.like(await shop.rowOf(id), { user_id: null, email, status: 'paid', claim: 'waiting' })
    await untilNoEmailQueued(shop)
    t.true((await shop.emailKindsTo(email)).includes('purchase_claim'))
    t.false((await shop.emailKindsTo(email)).includes('welcome_guest'))

    t.deepEqual(await purchasesOf(squatter.access), [])
    t.deepEqual(await idsOf('me/export', squatter.access), [])
    const exported = await client.get('me/export', { token: squatter.access })
    t.notRegex(exported.text, /purchase_c/, 'the export does not reveal that a purchase exists')
    t.deepEqual(await purchasesOf(await signIn(email, squatter.password)), [])

    const ownerToken = await claim(email)
    t.deepEqual(await purchasesOf(ownerToken), [id])
    t.like(await shop.rowOf(id), { user_id: squatter.userId, claim: 'done' })
    t.is((await client.get('me', { token: squatter.access })).status, 401)
    t.is((await client.post('refresh', { refresh_token: squatter.refresh })).status, 401)
    t.is((await client.post('login', { email, password: squatter.password })).status, 401)
    t.is(before.email, email)
  })

test('squatter chose name and language of the account → emails to the buyer show neither', async t => {
  const { email } = await anAccount(client, { full_name: 'Mallory', preferred_language: 'ar' })
  const { id } = await paidPurchase({ email, headers: { 'accept-language': 'es' } })
  await untilNoEmailQueued(shop)
  const mails = (await shop.mails.sentTo(email)).filter(
    ({ mail, link }) => link.includes('/reset-password?') || mail.text?.includes(id),
  )
  t.is(mails.length, 2)
  for (const { mail } of mails) {
    t.true(mail.text?.startsWith('Hola:'), mail.text)
    t.false(`${mail.text} ${mail.html}`.includes('Mallory'))
  }
})

test('squatter signs in during the payment → no session of theirs shows the purchase', async t => {
  const { email, password } = await anAccount(client)
  const purchase = await shop.aPurchase({ email })
  const [paid, ...logins] = await Promise.all([
    shop.sendEvent('payment_intent.succeeded', purchase),
    ...Array.from({ length: 8 }, (_, i) =>
      (i % 2 ? client : other.client).post('login', { email, password }),
    ),
  ])
  t.is(paid.status, 204)
  for (const { status, body } of logins) {
    t.is(status, 200)
    t.deepEqual(await purchasesOf(body.access_token), [])
  }
})

test('links that a squatter requested before the payment → dead after the claim', async t => {
  const email = anEmail()
  const squatter = await anAccount(client, { email })
  const verification = await waitForLink(shop, email, 'verify-email')
  const theirs = anEmail()
  const moving = await requestEmailChange(shop, squatter, theirs)
  const { id } = await paidPurchase({ email })
  const ownerToken = await claim(email)
  t.is((await client.post('verify-email', { token: verification.token })).status, 401)
  t.is((await client.post('confirm-email', { token: moving.token })).status, 401)
  t.is((await client.post('confirm-email', { email: theirs, code: moving.code })).status, 401)
  t.deepEqual(await purchasesOf(ownerToken), [id])
})

test('guest pays with the address of an unverified user → nothing of the account changes', async t => {
  const account = await anAccount(client, {
    ...{
      full_name: 'Honest User',
      phone: '+50255551234',
      address: '1 Real Road',
      preferred_language: 'es',
    },
  })
  const { token } = await waitForLink(shop, account.email, 'verify-email')
  const before = await rowOf(shop, account.userId)
  const { id } = await paidPurchase({ email: account.email, name: 'PAYER WAS HERE' })
  t.deepEqual(await rowOf(shop, account.userId), before)
  t.is((await client.get('me', { token: account.access })).status, 200)
  t.is((await client.post('refresh', { refresh_token: account.refresh })).status, 200)
  await signIn(account.email, account.password)
  t.is(
    (await client.post('verify-email', { token })).status,
    200,
    'a link mailed before the payment still works',
  )
  t.deepEqual(await purchasesOf(account.access), [], 'verifying the address does not claim the purchase')
  t.is(await countEvents(shop, account.userId, 'sessions.ended'), 0)
  await untilNoEmailQueued(shop)
  const withPayerName = (await shop.mails.sentTo(account.email)).filter(({ raw }) => raw.includes('PAYER'))
  t.is(withPayerName.length, 0)
  t.is((await shop.rowOf(id)).user_id, null)
})

for (const verified of [false, true])
  test(`guest pays with the address of an administrator (verified: ${verified}) → account unchanged`, async t => {
    const admin = verified ? await aVerifiedAccount(shop) : await anAccount(client)
    await sql(`UPDATE users SET roles = '{user,admin}' WHERE id = $1`, [admin.userId])
    const before = await rowOf(shop, admin.userId)
    await paidPurchase({ email: admin.email, name: 'PAYER WAS HERE' })
    t.deepEqual(await rowOf(shop, admin.userId), before)
    const reply = await client.get('/api/v1/admin/users', { token: admin.access })
    t.is(reply.status, 200)
  })

test('guest pays with the address of an account without a password → its name stays', async t => {
  const { id, email } = await paidPurchase({ name: 'Ada Lovelace' })
  const second = await paidPurchase({ email, name: 'PAYER WAS HERE' })
  const [first, next] = [await shop.rowOf(id), await shop.rowOf(second.id)]
  t.is(first.user_id, next.user_id)
  t.like(await rowOf(shop, first.user_id ?? ''), { full_name: 'Ada Lovelace', password_hash: null })
})

test('link of the purchase email has expired → any later reset claims the purchase', async t => {
  const { email } = await aVerifiedAccount(shop)
  const { id } = await paidPurchase({ email })
  const { token } = await waitForLink(shop, email, 'reset-password')
  await shop.travel(25 * 3_600_000)
  const expiredReply = await client.post('reset-password', { token, new_password: newPassword })
  await shop.travel(0)
  t.is(expiredReply.status, 401)
  await client.post('forgot-password', { email })
  const { code } = await waitForLink(shop, email, 'reset-password', 2)
  t.is((await client.post('reset-password', { email, code, new_password: newPassword })).status, 204)
  const ownerToken = await signIn(email, newPassword)
  t.deepEqual(await purchasesOf(ownerToken), [id])
})

test('several purchases wait at one address → one reset claims all of them and no other', async t => {
  const [{ email }, otherUser] = [await aVerifiedAccount(shop), await aVerifiedAccount(shop)]
  const waiting = [await paidPurchase({ email }), await paidPurchase({ email: email.toUpperCase() })]
  const theirs = await paidPurchase({ email: otherUser.email })
  const open = await shop.aPurchase({ email })
  const ownerToken = await claim(email)
  t.deepEqual((await purchasesOf(ownerToken)).sort(), waiting.map(({ id }) => id).sort())
  t.like(await shop.rowOf(theirs.id), { user_id: null, claim: 'waiting' })
  t.like(await shop.rowOf(open.id), { user_id: null, claim: null })
  t.is((await shop.sendEvent('payment_intent.succeeded', open)).status, 204)
  t.is((await purchasesOf(ownerToken)).length, 3, 'a later payment needs no claim')
})

test('simultaneous payment and reset → the purchase belongs to the account in either order', async t => {
  for (let round = 0; round < 6; round++) {
    const { email, userId } = await anAccount(client)
    await client.post('forgot-password', { email })
    const { token } = await waitForLink(shop, email, 'reset-password')
    const purchase = await shop.aPurchase({ email })
    const [paid, reset] = await Promise.all([
      shop.sendEvent('payment_intent.succeeded', purchase),
      other.client.post('reset-password', { token, new_password: newPassword }),
    ])
    t.is(paid.status, 204)
    // The purchase email may have replaced the reset link just before it was used.
    if (reset.status === 401) await claim(email)
    else t.is(reset.status, 204)
    t.like(await shop.rowOf(purchase.id), { user_id: userId, claim: 'done' })
  }
})

test('squatter deletes the account → the mailbox claims the purchase and the deletion is undone', async t => {
  const { email, password, userId, access: token } = await anAccount(client)
  t.is((await client.send('DELETE', 'me', { body: { password }, token })).status, 204)
  const undo = await waitForLink(shop, email, 'undo-deletion')
  const { id } = await paidPurchase({ email })
  t.truthy((await rowOf(shop, userId)).erase_after, 'a payment alone does not undo the deletion')
  const ownerToken = await claim(email)
  t.deepEqual(await purchasesOf(ownerToken), [id])
  t.is((await rowOf(shop, userId)).erase_after, null)
  t.is(await countEvents(shop, userId, 'user.deletion_undone'), 1)
  t.is((await client.post('undo-deletion', { token: undo.token })).status, 401)
})

test('thief adds a factor and deletes the account → a claim restores it, and the link removes the factor', async t => {
  const { email, userId, access: token } = await aVerifiedAccount(shop)
  await anApp(client, token)
  const undo = await waitForLink(shop, email, 'undo-factor')
  t.is((await client.send('DELETE', 'me', { body: { password }, token })).status, 204)
  await paidPurchase({ email })
  const reset = await waitForLink(shop, email, 'reset-password')
  const choice = { token: reset.token, new_password: newPassword }
  t.is((await client.post('reset-password', choice)).status, 204)
  t.is((await client.post('login', { email, password: newPassword })).body.code, 'MFA_REQUIRED')
  t.is((await client.post('undo-factor', { token: undo.token })).status, 204)
  t.deepEqual(await sql('SELECT 1 FROM factors WHERE user_id = $1', [userId]), [])
})

for (const [action, close] of Object.entries({
  deactivated: { is_active: false },
  deleted: null,
}))
  test(`administrator has ${action} the account → the purchase waits, the buyer gets no reset link`, async t => {
    const { email, userId } = await aVerifiedAccount(shop)
    const path = `/api/v1/admin/users/${userId}`
    const options = { token: shop.admin, body: close ?? undefined }
    t.true((await client.send(close ? 'PATCH' : 'DELETE', path, options)).status < 300)
    const purchase = await shop.aPurchase({ email })
    const id = `msg_${userId.replaceAll('-', '')}`
    t.is((await shop.sendEvent('payment_intent.succeeded', purchase, { id })).status, 204)
    t.deepEqual(await shop.outcomesOf([id]), ['account_closed'])
    t.like(await shop.rowOf(purchase.id), { user_id: null, email, claim: 'waiting' })
    await untilNoEmailQueued(shop)
    const texts = (await shop.mails.sentTo(email)).map(({ mail }) => mail.text ?? '')
    t.true(texts.some(text => text.includes(purchase.id)))
    t.false(texts.some(text => text.includes('/reset-password?')))
  })

test('waiting purchase → data kept until the claim; refunded purchase → data deleted after 30 days', async t => {
  const { email } = await aVerifiedAccount(shop)
  const [paid, refunded] = [await paidPurchase({ email }), await paidPurchase({ email })]
  t.is((await shop.sendEvent('refund.succeeded', refunded)).status, 204)
  const age = (time: string) => sql('UPDATE purchases SET updated_at = now() - $1::interval', [time])
  const emails = async () => [(await shop.rowOf(paid.id)).email, (await shop.rowOf(refunded.id)).email]
  await age('29 days')
  await shop.run('forgetBuyers')
  t.deepEqual(await emails(), [email, email])
  await age('31 days')
  await shop.run('forgetBuyers')
  t.deepEqual(await emails(), [email, null])
  t.deepEqual(await purchasesOf(await claim(email)), [paid.id])
})

/** Ways in which an account leaves an address at which a purchase waits. */
const departures: Record<string, (squatter: Account, confirmation: string) => Promise<unknown>> = {
  'moved away by the squatter': squatter => changeEmail(shop, squatter, anEmail()),
  'rejected by the owner of the mailbox': async (_, token) => {
    const { status, text } = await client.post('reject-account', { token })
    if (status !== 204) throw new Error(`reject-account answered ${status}: ${text}`)
  },
  'deleted by an administrator': async ({ userId }) => {
    await client.send('DELETE', `/api/v1/admin/users/${userId}`, { token: shop.admin })
    await shop.run('eraseAccounts')
  },
}

for (const [how, leave] of Object.entries(departures))
  test(`account with a waiting purchase is ${how} → the buyer is invited to a new account`, async t => {
    const squatter = await anAccount(client)
    const { email } = squatter
    const { token } = await waitForLink(shop, email, 'verify-email')
    const waiting = [await paidPurchase({ email }), await paidPurchase({ email })]
    await untilNoEmailQueued(shop)
    t.is(
      await shop.run('inviteBuyers'),
      0,
      'no invitation while the account at the address can still be claimed',
    )
    const before = (await shop.mails.sentTo(email)).length
    await leave(squatter, token)
    // The run may also process accounts that other tests have deleted.
    t.true((await shop.run('inviteBuyers')) >= 1)
    t.is(await shop.run('inviteBuyers'), 0)
    await untilNoEmailQueued(shop)
    const mails = (await shop.mails.sentTo(email)).slice(before)
    const chosen = mails.map(({ link }) => link).find(link => link.includes('/reset-password?')) ?? ''
    const body = { token: tokenOf(chosen), new_password: newPassword }
    t.is((await client.post('reset-password', body)).status, 204)
    const ownerToken = await signIn(email, newPassword)
    t.deepEqual((await purchasesOf(ownerToken)).sort(), waiting.map(({ id }) => id).sort())
    const [row] = await sql<{ user_id: string }>('SELECT user_id FROM purchases WHERE email = $1', [email])
    t.not(row?.user_id, squatter.userId)
  })

test('two workers run inviteBuyers simultaneously → one account and one email', async t => {
  const squatter = await anAccount(client)
  const { id, email } = await paidPurchase({ email: squatter.email })
  await changeEmail(shop, squatter, anEmail())
  const counts = await Promise.all([shop.run('inviteBuyers'), other.run('inviteBuyers')])
  t.is(counts[0] + counts[1], 1)
  t.is((await shop.emailKindsTo(email)).filter(kind => kind === 'welcome_guest').length, 1)
  t.is((await shop.rowOf(id)).claim, 'done')
})

test('waiting purchase → listed for administrators with claim "waiting"', async t => {
  const { email } = await aVerifiedAccount(shop)
  await paidPurchase({ email })
  const { body } = await client.get(`/api/v1/admin/purchases?email=${email}`, { token: shop.admin })
  t.like(body.data[0], { email, user_id: null, status: 'paid', claim: 'waiting' })
})
