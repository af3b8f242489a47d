import anyTest from 'ava'
import { type Account, anEmail, password } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import {
  aVerifiedAccount,
  backdateAccount,
  changeEmail,
  requestEmailChange,
  rowOf,
  untilNoEmailQueued,
  waitForLink,
} from './change-email.ts'

// An attacker changes the email of an own account to the address of a victim, who confirms it (a "Trojan" account). The
// attacker's undo must not take the account back after the victim has started to use it. The undo of an owner whose
// account was stolen must still work.

const test = anyTest.serial

const world = await openWorld({ worker: true })
const other = await world.instance()
anyTest.after.always(() => world[Symbol.asyncDispose]())

const { client } = world
const newPassword = 'a wholly new 7 phrase'
const undo = (token: string, at = client) => at.post('undo-email-change', { token })

/** Changes the email of an account, and returns the new address and the token that undoes the change. */
const changeAndGetUndo = async (account: Account, to = anEmail()) => {
  await changeEmail(world, account, to)
  return { to, token: (await waitForLink(world, account.email, 'undo-email-change')).token }
}

/** Resets the password with the link that is mailed to this address. */
const reset = async (email: string) => {
  await client.post('forgot-password', { email })
  const { token } = await waitForLink(world, email, 'reset-password')
  const { status } = await client.post('reset-password', { token, new_password: newPassword })
  if (status !== 204) throw new Error(`reset-password answered ${status}`)
}

const login = (email: string) => client.post('login', { email, password: newPassword })

test('a new account changes its email, and the new address resets the password → the undo is refused', async t => {
  const attacker = await aVerifiedAccount(world, { full_name: 'Mallory', phone: '+442071234567' })
  const { to, token } = await changeAndGetUndo(attacker)
  await reset(to)
  for (const at of [client, other.client]) t.is((await undo(token, at)).body.code, 'INVALID_TOKEN')
  t.is((await rowOf(world, attacker.userId)).email, to)
  const { status, body } = await login(to)
  t.is(status, 200)
  t.is((await client.get('me', { token: body.access_token })).status, 200)
  t.is((await client.get('me', { token: attacker.access })).status, 401)
})

test('a new account changes its email twice, then a reset → both undos are refused', async t => {
  const attacker = await aVerifiedAccount(world)
  const first = await changeAndGetUndo(attacker)
  const again = { ...attacker, email: first.to }
  const second = await changeAndGetUndo(again)
  await reset(second.to)
  for (const { token } of [first, second]) t.is((await undo(token)).body.code, 'INVALID_TOKEN')
  t.is((await login(second.to)).status, 200)
})

test('reset and undo of a new account at once → one succeeds, the other gets 401', async t => {
  for (let round = 0; round < 4; round++) {
    const attacker = await aVerifiedAccount(world)
    const { to, token } = await changeAndGetUndo(attacker)
    await client.post('forgot-password', { email: to })
    const { token: resetting } = await waitForLink(world, to, 'reset-password')
    const [done, undone] = await Promise.all([
      client.post('reset-password', { token: resetting, new_password: newPassword }),
      undo(token, other.client),
    ])
    t.deepEqual([done.status, undone.status], done.status === 204 ? [204, 401] : [401, 200])
  }
})

test('a new account changes its email, and no reset follows → the undo works', async t => {
  const owner = await aVerifiedAccount(world)
  const { token } = await changeAndGetUndo(owner)
  t.is((await undo(token)).status, 200)
  t.is((await rowOf(world, owner.userId)).email, owner.email)
})

const valuableAccounts: [what: string, give: (owner: Account) => Promise<unknown>][] = [
  ['is a week old', owner => backdateAccount(world, owner)],
  [
    'has a purchase',
    ({ userId }) =>
      world.sql(
        `WITH site AS (INSERT INTO sites (id, slug, name, description, price, currency)
           VALUES (gen_random_uuid(), gen_random_uuid()::text, 'Bakery', 'A site', 100, 'USD') RETURNING id)
         INSERT INTO purchases (id, site_id, user_id, locale, amount, currency, status, request_hash, expires_at, look_after)
         SELECT gen_random_uuid(), id, $1, 'en', 100, 'USD', 'paid', '', now(), now() + interval '1 day' FROM site`,
        [userId],
      ),
  ],
  ['is an administrator', ({ userId }) => set(userId, `roles = '{user,admin}'`)],
  [
    'was created by an administrator',
    ({ userId }) =>
      world.sql(
        `UPDATE audit_events SET actor_id = gen_random_uuid() WHERE user_id = $1 AND type = 'user.registered'`,
        [userId],
      ),
  ],
  ['was imported', ({ userId }) => world.sql('DELETE FROM audit_events WHERE user_id = $1', [userId])],
]
const set = (userId: string, change: string) =>
  world.sql(`UPDATE users SET ${change} WHERE id = $1`, [userId])
for (const [what, prepare] of valuableAccounts)
  test(`an attacker changes email and password of an account that ${what} → the owner's undo works`, async t => {
    const owner = await aVerifiedAccount(world)
    await prepare(owner)
    const { body } = await client.post('login', { email: owner.email, password })
    const { to, token } = await changeAndGetUndo({ ...owner, access: body.access_token })
    await reset(to)
    t.is((await undo(token)).status, 200)
    t.is((await rowOf(world, owner.userId)).email, owner.email)
    t.is((await login(to)).status, 401)
  })

test('confirmation email → names the account whose email would change, without a clickable address', async t => {
  const account = await aVerifiedAccount(world)
  const { caught } = await requestEmailChange(world, account, anEmail())
  const { text = '', html = '' } = caught.mail
  for (const part of [text, html]) {
    t.true(part.replaceAll('\u200B', '').includes(account.email))
    t.false(part.includes(account.email))
    t.regex(part, /Confirm only if this account is yours/)
  }
})

test('undo → the address that loses the account gets a notice, which masks the restored address', async t => {
  const account = await aVerifiedAccount(world)
  const { to, token } = await changeAndGetUndo(account)
  const headers = { 'user-agent': 'Lynx/2.9' }
  t.is((await client.post('undo-email-change', { token }, { headers })).status, 200)
  t.is((await undo(token)).status, 200, 'a repeated undo')
  await untilNoEmailQueued(world)
  const sent = await world.mails.sentTo(to)
  t.is(sent.length, 2, 'the confirmation email and one notice')
  const { mail, link } = sent[1] ?? (t.fail() as never)
  t.is(mail.subject, 'Security notice: an account no longer uses your address')
  t.is(link, '')
  const local = account.email.slice(0, account.email.indexOf('@'))
  for (const part of [mail.text ?? '', mail.html ?? '']) {
    t.true(part.replaceAll('\u200B', '').includes('u••@example.com'))
    t.false(part.includes(local))
    t.regex(part, /127\.0\.0\.1/)
    t.regex(part, /Lynx/)
  }
})

test('undo after the account has changed back to its old address → no notice', async t => {
  const account = await aVerifiedAccount(world)
  const { token } = await changeAndGetUndo(account)
  await changeEmail(world, account, account.email)
  t.is((await undo(token)).status, 200)
  const notices = await world.sql(
    `SELECT 1 FROM emails WHERE kind = 'email_change_undone' AND user_id = $1`,
    [account.userId],
  )
  t.deepEqual(notices, [])
})
