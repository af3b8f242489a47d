import test from 'ava'
import { anAccount, anEmail } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import {
  aVerifiedAccount,
  changeEmail,
  requestEmailChange,
  rowOf,
  untilNoEmailQueued,
  waitForLink,
} from './change-email.ts'

// The notice to the old address is the only warning for the owner, so an attacker who changed the email must not be able
// to stop it. An unverified old address gets no notice, because it may belong to another person.

const world = await openWorld()
test.after.always(() => world[Symbol.asyncDispose]())
const { client } = world

test.before(() => world.startWorker())

const noticesOf = (userId: string) =>
  world.sql<{ recipient: string; status: string }>(
    `SELECT recipient, status FROM emails WHERE kind = 'email_changed' AND user_id = $1 ORDER BY id`,
    [userId],
  )

test.serial('email change → one notice to the old address, which masks the new address', async t => {
  const account = await aVerifiedAccount(world, { full_name: 'Ana López' })
  const newEmail = `thief-${anEmail()}`
  await changeEmail(world, account, newEmail)
  const { caught, path } = await waitForLink(world, account.email, 'undo-email-change')
  t.deepEqual(caught.to, [account.email])
  t.is(caught.mail.subject, 'Security notice: your email address was changed')
  t.regex(path, /^\/api\/v1\/auth\/undo-email-change\?token=lkp_[\w-]+&lang=en$/)
  const { text = '', html = '' } = caught.mail
  for (const part of [text, html]) {
    t.true(part.replaceAll('\u200B', '').includes('t••@example.com'))
    t.true(part.includes('7 days'))
    t.true(part.includes('Ana López'))
  }
  const local = newEmail.slice(0, newEmail.indexOf('@'))
  t.false((caught.raw + text + html).includes(local))
  await untilNoEmailQueued(world)
  t.deepEqual(await noticesOf(account.userId), [{ recipient: account.email, status: 'sent' }])
})

test.serial('email change from an unverified address → no notice, and its old token is refused', async t => {
  const account = await anAccount(client)
  const { token: verifying } = await waitForLink(world, account.email, 'verify-email')
  const newEmail = anEmail()
  await changeEmail(world, account, newEmail)
  await untilNoEmailQueued(world)
  t.deepEqual(await noticesOf(account.userId), [])
  t.is((await world.mails.sentTo(account.email)).length, 1, 'only the email of the registration')
  for (const route of ['undo-email-change', 'verify-email'])
    t.is((await client.post(route, { token: verifying })).status, 401)
  t.like(await rowOf(world, account.userId), { email: newEmail, email_verified: true })
})

test.serial('the attacker deletes the account before the notice is sent → its undo works', async t => {
  const account = await aVerifiedAccount(world)
  const { token } = await requestEmailChange(world, account, anEmail())
  await untilNoEmailQueued(world)
  await world.stopWorker()
  t.is((await client.post('confirm-email', { token })).status, 200)
  const gone = await client.send('DELETE', 'me', {
    token: account.access,
    body: { password: account.password },
  })
  t.is(gone.status, 204)
  await world.startWorker()
  const undo = await waitForLink(world, account.email, 'undo-email-change')
  const back = await client.post('undo-email-change', { token: undo.token })
  t.is(back.status, 200)
  t.like(await rowOf(world, account.userId), { email: account.email, erase_after: null })
})

test.serial('an administrator deletes the account before the notice is sent → it is dropped', async t => {
  const account = await aVerifiedAccount(world)
  const { token } = await requestEmailChange(world, account, anEmail())
  const admin = await anAccount(client)
  await world.sql(`UPDATE users SET roles = '{user,admin}' WHERE id = $1`, [admin.userId])
  const { body } = await client.post('login', { email: admin.email, password: admin.password })
  await untilNoEmailQueued(world)
  await world.stopWorker()
  t.is((await client.post('confirm-email', { token })).status, 200)
  const path = `/api/v1/admin/users/${account.userId}`
  t.is((await client.send('DELETE', path, { token: body.access_token })).status, 204)
  const sentBefore = (await world.mails.all()).length
  // Otherwise the worker would erase the account together with this email.
  await world.sql(`UPDATE users SET erase_after = now() + interval '1 day' WHERE id = $1`, [account.userId])
  await world.startWorker()
  await untilNoEmailQueued(world)
  t.deepEqual(await noticesOf(account.userId), [{ recipient: account.email, status: 'dropped' }])
  t.is((await world.mails.all()).length, sentBefore)
})
