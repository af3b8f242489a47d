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

// A Trojan move: somebody moves an account of their own to a victim's address and has the victim confirm it. The undo of
// the move must not take back what the victim has made of it. The undo of an owner whose account a thief has moved must
// go on working.

const test = anyTest.serial

const world = await openWorld({ worker: true })
const other = await world.instance()
anyTest.after.always(() => world[Symbol.asyncDispose]())

const { client } = world
const another = 'a wholly new 7 phrase'
const undo = (token: string, at = client) => at.post('undo-email-change', { token })

/** Moves an account to a new address, whose mailbox confirms, and gives the link that undoes it. */
const moved = async (account: Account, to = anEmail()) => {
  await changeEmail(world, account, to)
  return { to, token: (await waitForLink(world, account.email, 'undo-email-change')).token }
}

/** The mailbox of an address sets a password by an emailed link. */
const reset = async (email: string) => {
  await client.post('forgot-password', { email })
  const { token } = await waitForLink(world, email, 'reset-password')
  const { status } = await client.post('reset-password', { token, new_password: another })
  if (status !== 204) throw new Error(`reset-password answered ${status}`)
}

const login = (email: string) => client.post('login', { email, password: another })

test('a new, empty account is moved, and its new mailbox resets the password → the undo is refused', async t => {
  const attacker = await aVerifiedAccount(world, { full_name: 'Mallory', phone: '+442071234567' })
  const { to, token } = await moved(attacker)
  await reset(to)
  for (const at of [client, other.client]) t.is((await undo(token, at)).body.code, 'INVALID_TOKEN')
  t.is((await rowOf(world, attacker.userId)).email, to)
  const { status, body } = await login(to)
  t.is(status, 200)
  t.is((await client.get('me', { token: body.access_token })).status, 200)
  t.is((await client.get('me', { token: attacker.access })).status, 401)
})

test('such an account is moved twice → the reset ends both undos', async t => {
  const attacker = await aVerifiedAccount(world)
  const first = await moved(attacker)
  const again = { ...attacker, email: first.to }
  const second = await moved(again)
  await reset(second.to)
  for (const { token } of [first, second]) t.is((await undo(token)).body.code, 'INVALID_TOKEN')
  t.is((await login(second.to)).status, 200)
})

test('the reset and the undo at once → the reset wins, or it never happened', async t => {
  for (let round = 0; round < 4; round++) {
    const attacker = await aVerifiedAccount(world)
    const { to, token } = await moved(attacker)
    await client.post('forgot-password', { email: to })
    const { token: resetting } = await waitForLink(world, to, 'reset-password')
    const [done, undone] = await Promise.all([
      client.post('reset-password', { token: resetting, new_password: another }),
      undo(token, other.client),
    ])
    t.deepEqual([done.status, undone.status], done.status === 204 ? [204, 401] : [401, 200])
  }
})

test('without a reset by the new mailbox → the undo works', async t => {
  const owner = await aVerifiedAccount(world)
  const { token } = await moved(owner)
  t.is((await undo(token)).status, 200)
  t.is((await rowOf(world, owner.userId)).email, owner.email)
})

const held: [what: string, give: (owner: Account) => Promise<unknown>][] = [
  ['is a week old', owner => backdateAccount(world, owner)],
  [
    'has bought something',
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
    'was made by an administrator',
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
for (const [what, give] of held)
  test(`a thief moves an account that ${what}, and resets the password → its owner's undo works`, async t => {
    const owner = await aVerifiedAccount(world)
    await give(owner)
    const { body } = await client.post('login', { email: owner.email, password })
    const { to, token } = await moved({ ...owner, access: body.access_token })
    await reset(to)
    t.is((await undo(token)).status, 200)
    t.is((await rowOf(world, owner.userId)).email, owner.email)
    t.is((await login(to)).status, 401)
  })

test('the email to the new address names the account that would move, and no link is made of it', async t => {
  const account = await aVerifiedAccount(world)
  const { caught } = await requestEmailChange(world, account, anEmail())
  const { text = '', html = '' } = caught.mail
  for (const part of [text, html]) {
    t.true(part.replaceAll('\u200B', '').includes(account.email))
    t.false(part.includes(account.email))
    t.regex(part, /Confirm only if this account is yours/)
  }
})

test('an undo → the address that loses the account is told, without the other address', async t => {
  const account = await aVerifiedAccount(world)
  const { to, token } = await moved(account)
  const headers = { 'user-agent': 'Lynx/2.9' }
  t.is((await client.post('undo-email-change', { token }, { headers })).status, 200)
  t.is((await undo(token)).status, 200, 'a repeat tells nothing more')
  await untilNoEmailQueued(world)
  const sent = await world.mails.sentTo(to)
  t.is(sent.length, 2, 'the confirmation and the notice')
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

test('an undo that moves nothing back, since the account has its address again → no notice', async t => {
  const account = await aVerifiedAccount(world)
  const { token } = await moved(account)
  await changeEmail(world, account, account.email)
  t.is((await undo(token)).status, 200)
  const told = await world.sql(`SELECT 1 FROM emails WHERE kind = 'email_change_undone' AND user_id = $1`, [
    account.userId,
  ])
  t.deepEqual(told, [])
})
