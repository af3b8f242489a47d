import test from 'ava'
import { v7 as uuid } from 'uuid'
import { anAccount, anEmail, password, tokenOf } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'

// Which verification email has a valid link: the newest, for 24 hours. No worker runs here: each test delivers emails
// itself.

const world = await openWorld()
test.after.always(() => world[Symbol.asyncDispose]())

const deliver = (id: string) => world.deliver(id)
const deliverAgain = async (id: string) => {
  await world.sql(`UPDATE emails SET status = 'queued' WHERE id = $1`, [id])
  return deliver(id)
}
const rowsTo = (email: string) =>
  world.sql<{ id: string; status: string }>(
    'SELECT id, status FROM emails WHERE recipient = $1 ORDER BY id',
    [email],
  )
const verify = (token: string) => world.client.post('verify-email', { token })

/** Registers a user and requests `more` emails. Returns the account and the ids of all its emails. */
const accountWithEmails = async (more = 0) => {
  const account = await anAccount(world.client)
  for (let i = 0; i < more; i++) await world.client.post('resend-verification', { email: account.email })
  return { ...account, ids: (await rowsTo(account.email)).map(({ id }) => id) as [string, ...string[]] }
}

test.serial('newer verification email → link and code of the older one are dead', async t => {
  const { email, ids } = await accountWithEmails(1)
  t.is(await deliver(ids[0]), 'sent')
  const older = await world.mails.to(email, 1)
  t.is(await deliver(ids[1] ?? ''), 'sent')
  const newer = await world.mails.to(email, 2)
  t.not(tokenOf(newer.link), tokenOf(older.link))
  t.is((await verify(tokenOf(older.link))).status, 401)
  t.is((await world.client.post('verify-email', { email, code: older.code })).status, 401)
  t.is((await verify(tokenOf(newer.link))).status, 200)
})

test.serial('late retry of an older email → dropped, and the newer link stays valid', async t => {
  const { email, ids } = await accountWithEmails(1)
  t.is(await deliver(ids[1] ?? ''), 'sent')
  t.is(await deliver(ids[0]), 'dropped')
  const { link } = await world.mails.to(email)
  t.is((await world.mails.sentTo(email)).length, 1)
  t.is((await verify(tokenOf(link))).status, 200)
})

test.serial(
  'job runs twice → sends the same email again with the same link, code and Message-ID',
  async t => {
    const { email, ids } = await accountWithEmails()
    t.is(await deliver(ids[0]), 'sent')
    const first = await world.mails.to(email, 1)
    t.is(await deliver(ids[0]), 'settled', 'a sent email is not sent again')
    t.is(await deliverAgain(ids[0]), 'sent')
    const second = await world.mails.to(email, 2)
    t.deepEqual(
      [second.link, second.code, second.mail.messageId, second.mail.date],
      [first.link, first.code, first.mail.messageId, first.mail.date],
    )
    t.is((await verify(tokenOf(second.link))).status, 200)
  },
)

test.serial('job runs again after its link was used → dropped, and the link stays dead', async t => {
  const { email, ids, userId } = await accountWithEmails()
  await deliver(ids[0])
  const { link, code } = await world.mails.to(email)
  t.is((await verify(tokenOf(link))).status, 200)
  t.is(await deliverAgain(ids[0]), 'dropped')
  // The link also stays dead after the address has become unverified again.
  await world.sql('UPDATE users SET email_verified = false WHERE id = $1', [userId])
  t.is(await deliverAgain(ids[0]), 'dropped')
  t.is((await verify(tokenOf(link))).status, 401)
  t.is((await world.client.post('verify-email', { email, code })).status, 401)
  t.is((await world.mails.sentTo(email)).length, 1)
})

test.serial('job runs again after five wrong codes → the code stays dead, the link works', async t => {
  const { email, ids } = await accountWithEmails()
  await deliver(ids[0])
  const { code, link } = await world.mails.to(email)
  const wrong = code === '000000' ? '000001' : '000000'
  for (let i = 0; i < 5; i++) await world.client.post('verify-email', { email, code: wrong })
  t.is(await deliverAgain(ids[0]), 'sent')
  t.is((await world.client.post('verify-email', { email, code })).status, 401)
  t.is((await verify(tokenOf(link))).status, 200)
})

test.serial('account got another address → the email to the old one is dropped', async t => {
  const { email, ids, userId } = await accountWithEmails()
  await world.sql('UPDATE users SET email = $2 WHERE id = $1', [userId, anEmail()])
  t.is(await deliver(ids[0]), 'dropped')
  t.is((await world.mails.sentTo(email)).length, 0)
})

test.serial('deactivated account → its email is dropped', async t => {
  const { ids, userId } = await accountWithEmails()
  await world.sql('UPDATE users SET is_active = false WHERE id = $1', [userId])
  t.is(await deliver(ids[0]), 'dropped')
})

test.serial('email delayed beyond the 24 hours of its link → dropped', async t => {
  const { ids } = await accountWithEmails(1)
  await world.sql(`UPDATE emails SET created_at = now() - interval '24 hours' WHERE id = $1`, [ids[0]])
  t.is(await deliver(ids[0]), 'dropped')
  await world.sql(`UPDATE emails SET created_at = now() - interval '23 hours 59 minutes' WHERE id = $1`, [
    ids[1],
  ])
  t.is(await deliver(ids[1] ?? ''), 'sent')
})

test.serial('Redis loses the token → the link is dead, and a new email brings a new link', async t => {
  const { email, ids, userId } = await accountWithEmails()
  await deliver(ids[0])
  const { link } = await world.mails.to(email)
  await world.redis.del(world.keys.oneTimeToken(userId, 'verify_email'))
  t.is((await verify(tokenOf(link))).status, 401)
  t.is((await world.client.post('resend-verification', { email })).status, 202)
  const id = (await rowsTo(email)).at(-1)?.id ?? uuid()
  t.is(await deliver(id), 'sent')
  t.is((await verify(tokenOf((await world.mails.to(email, 2)).link))).status, 200)
})

test.serial('link and code → valid for 24 hours after the email was queued, then 401', async t => {
  t.teardown(() => world.travel(0))
  const hours = 3_600_000
  const usedInTime = await accountWithEmails()
  const expired = await accountWithEmails()
  for (const { ids } of [usedInTime, expired]) await deliver(ids[0])
  const [mailed, mailedExpired] = [
    await world.mails.to(usedInTime.email),
    await world.mails.to(expired.email),
  ]
  await world.travel(24 * hours - 60_000)
  t.is((await verify(tokenOf(mailed.link))).status, 200)
  await world.travel(24 * hours + 1000)
  const reply = await verify(tokenOf(mailedExpired.link))
  t.is(reply.status, 401)
  t.is(reply.body.code, 'INVALID_TOKEN')
  t.is(
    (await world.client.post('verify-email', { email: expired.email, code: mailedExpired.code })).status,
    401,
  )
  t.is((await world.client.post('login', { email: expired.email, password })).status, 200)
})
