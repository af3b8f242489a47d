import test from 'ava'
import { v7 as uuid } from 'uuid'
import { anAccount, anEmail, password, tokenOf } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'

// No worker here: each test says which mail is written when.

const world = await openWorld()
test.after.always(() => world[Symbol.asyncDispose]())

const send = (id: string) => world.deliver(id)
const again = async (id: string) => {
  await world.sql(`UPDATE emails SET status = 'queued' WHERE id = $1`, [id])
  return send(id)
}
const rowsTo = (email: string) =>
  world.sql<{ id: string; status: string }>(
    'SELECT id, status FROM emails WHERE recipient = $1 ORDER BY id',
    [email],
  )
const verify = (token: string) => world.client.post('verify-email', { token })

/** An account, and the ids of its mails: the one of its registration and `more` that were asked for. */
const aCorrespondent = async (more = 0) => {
  const account = await anAccount(world.client)
  for (let i = 0; i < more; i++) await world.client.post('resend-verification', { email: account.email })
  return { ...account, ids: (await rowsTo(account.email)).map(({ id }) => id) as [string, ...string[]] }
}

test.serial('the link and the code of an older mail die when a newer one is sent', async t => {
  const { email, ids } = await aCorrespondent(1)
  t.is(await send(ids[0]), 'sent')
  const older = await world.mails.to(email, 1)
  t.is(await send(ids[1] ?? ''), 'sent')
  const newer = await world.mails.to(email, 2)
  t.not(tokenOf(newer.link), tokenOf(older.link))
  t.is((await verify(tokenOf(older.link))).status, 401)
  t.is((await world.client.post('verify-email', { email, code: older.code })).status, 401)
  t.is((await verify(tokenOf(newer.link))).status, 200)
})

test.serial('a late retry of an older mail is dropped and leaves the newer link alone', async t => {
  const { email, ids } = await aCorrespondent(1)
  t.is(await send(ids[1] ?? ''), 'sent')
  t.is(await send(ids[0]), 'dropped')
  const { link } = await world.mails.to(email)
  t.is((await world.mails.sentTo(email)).length, 1)
  t.is((await verify(tokenOf(link))).status, 200)
})

test.serial('a job that runs twice writes the same mail again, with the same link', async t => {
  const { email, ids } = await aCorrespondent()
  t.is(await send(ids[0]), 'sent')
  const first = await world.mails.to(email, 1)
  t.is(await send(ids[0]), 'settled', 'a mail that is sent stays sent')
  t.is(await again(ids[0]), 'sent')
  const second = await world.mails.to(email, 2)
  t.deepEqual(
    [second.link, second.code, second.mail.messageId, second.mail.date],
    [first.link, first.code, first.mail.messageId, first.mail.date],
  )
  t.is((await verify(tokenOf(second.link))).status, 200)
})

test.serial('a job that runs again after its link was used does not bring it back', async t => {
  const { email, ids, userId } = await aCorrespondent()
  await send(ids[0])
  const { link, code } = await world.mails.to(email)
  t.is((await verify(tokenOf(link))).status, 200)
  t.is(await again(ids[0]), 'dropped')
  // Nor does it where something else has made the address unverified again.
  await world.sql('UPDATE users SET email_verified = false WHERE id = $1', [userId])
  t.is(await again(ids[0]), 'dropped')
  t.is((await verify(tokenOf(link))).status, 401)
  t.is((await world.client.post('verify-email', { email, code })).status, 401)
  t.is((await world.mails.sentTo(email)).length, 1)
})

test.serial('a job that runs again does not hand out new guesses at the code', async t => {
  const { email, ids } = await aCorrespondent()
  await send(ids[0])
  const { code, link } = await world.mails.to(email)
  const wrong = code === '000000' ? '000001' : '000000'
  for (let i = 0; i < 5; i++) await world.client.post('verify-email', { email, code: wrong })
  t.is(await again(ids[0]), 'sent')
  t.is((await world.client.post('verify-email', { email, code })).status, 401)
  t.is((await verify(tokenOf(link))).status, 200)
})

test.serial('a mail to an address that is no longer the account’s is dropped', async t => {
  const { email, ids, userId } = await aCorrespondent()
  await world.sql('UPDATE users SET email = $2 WHERE id = $1', [userId, anEmail()])
  t.is(await send(ids[0]), 'dropped')
  t.is((await world.mails.sentTo(email)).length, 0)
})

test.serial('a mail to a deactivated account is dropped', async t => {
  const { ids, userId } = await aCorrespondent()
  await world.sql('UPDATE users SET is_active = false WHERE id = $1', [userId])
  t.is(await send(ids[0]), 'dropped')
})

test.serial('a mail that waited until its link was dead is dropped, not sent', async t => {
  const { ids } = await aCorrespondent(1)
  await world.sql(`UPDATE emails SET created_at = now() - interval '24 hours' WHERE id = $1`, [ids[0]])
  t.is(await send(ids[0]), 'dropped')
  await world.sql(`UPDATE emails SET created_at = now() - interval '23 hours 59 minutes' WHERE id = $1`, [
    ids[1],
  ])
  t.is(await send(ids[1] ?? ''), 'sent')
})

test.serial('losing Redis may cost a link, and the next mail brings a new one', async t => {
  const { email, ids, userId } = await aCorrespondent()
  await send(ids[0])
  const { link } = await world.mails.to(email)
  await world.redis.del(world.keys.proof(userId, 'verify_email'))
  t.is((await verify(tokenOf(link))).status, 401)
  t.is((await world.client.post('resend-verification', { email })).status, 202)
  const id = (await rowsTo(email)).at(-1)?.id ?? uuid()
  t.is(await send(id), 'sent')
  t.is((await verify(tokenOf((await world.mails.to(email, 2)).link))).status, 200)
})

test.serial('a link and a code die 24 hours after the mail was owed, whenever it was sent', async t => {
  t.teardown(() => world.travel(0))
  const hours = 3_600_000
  const early = await aCorrespondent()
  const late = await aCorrespondent()
  for (const { ids } of [early, late]) await send(ids[0])
  const [mailed, mailedLate] = [await world.mails.to(early.email), await world.mails.to(late.email)]
  await world.travel(24 * hours - 60_000)
  t.is((await verify(tokenOf(mailed.link))).status, 200)
  await world.travel(24 * hours + 1000)
  const reply = await verify(tokenOf(mailedLate.link))
  t.is(reply.status, 401)
  t.is(reply.body.code, 'INVALID_TOKEN')
  t.is((await world.client.post('verify-email', { email: late.email, code: mailedLate.code })).status, 401)
  t.is((await world.client.post('login', { email: late.email, password })).status, 200)
})
