import test from 'ava'
import { openWorld } from '../world.ts'
import { aForgetful, another, askReset } from './forgetful.ts'

const world = await openWorld({ worker: true })
test.after.always(() => world[Symbol.asyncDispose]())

test('the link and the code of an older reset mail die when a newer one is sent', async t => {
  const { email, reset: older } = await aForgetful(world)
  const newer = await askReset(world, email)
  t.not(newer.token, older.token)
  for (const presented of [{ token: older.token }, { email, code: older.code }]) {
    t.is((await world.client.post('verify-reset-token', presented)).status, 401)
    const reply = await world.client.post('reset-password', { ...presented, new_password: another })
    t.is(reply.status, 401)
    t.is(reply.body.code, 'INVALID_TOKEN')
  }
  const reply = await world.client.post('reset-password', { token: newer.token, new_password: another })
  t.is(reply.status, 204)
})

test('after a reset the next forgotten password gets a mail that works', async t => {
  const { email, reset } = await aForgetful(world)
  t.is((await world.client.post('reset-password', { token: reset.token, new_password: another })).status, 204)
  await world.mails.to(email, 3)
  const { code } = await askReset(world, email)
  const once = 'one more phrase 4'
  t.is((await world.client.post('reset-password', { email, code, new_password: once })).status, 204)
  t.is((await world.client.post('login', { email, password: once })).status, 200)
})

test('the mail says how long the link lives, holds link and code in both parts, and no word of the account', async t => {
  const { email, userId, reset } = await aForgetful(world)
  const { mail, link } = reset.caught
  t.is(mail.subject, 'Choose a new password')
  t.is(link.split('?')[0], 'http://latchkey.test/api/v1/auth/reset-password')
  t.regex(reset.token, /^lkp_[\w-]{64}$/)
  t.true(mail.html?.includes(link.replaceAll('&', '&amp;')))
  t.regex(mail.html ?? '', new RegExp(`>\\s*${reset.code}\\s*<`))
  t.regex(mail.text ?? '', /1 hour|60 minutes/)
  for (const word of [userId, email]) t.false(link.includes(word))
})
