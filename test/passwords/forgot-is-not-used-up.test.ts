import test from 'ava'
import { anAccount, anEmail, password } from '../make.ts'
import { openWorld, until } from '../world.ts'

// What strangers ask for on other routes must not use up the mails by which an owner comes back.

const world = await openWorld({ worker: true, env: { RATE_LIMITS: 'mail_ip=1000/1h,login=1000/15m' } })
test.after.always(() => world[Symbol.asyncDispose]())
const { client } = world

test('mails that nobody gets, and moves that are refused, leave a forgotten password its own', async t => {
  const owner = await anAccount(client)
  await world.sql('UPDATE users SET email_verified = true WHERE id = $1', [owner.userId])
  const stranger = await anAccount(client)
  for (let i = 0; i < 4; i++) {
    await client.post('resend-verification', { email: owner.email })
    const move = { current_password: 'wrong horse 9', new_email: owner.email }
    await client.post('change-email', move, { token: stranger.access })
  }
  t.is((await client.post('resend-verification', { email: owner.email })).status, 429)
  t.is((await client.post('forgot-password', { email: owner.email })).status, 202)
  const { link } = await until('the reset mail', () =>
    world.mails.caught.find(({ to, link }) => to.includes(owner.email) && link.includes('/reset-password?')),
  )
  t.regex(link, /token=lkp_/)
  for (let i = 0; i < 2; i++) await client.post('forgot-password', { email: owner.email })
  t.is((await client.post('forgot-password', { email: owner.email })).status, 429)
  t.is((await client.post('login', { email: anEmail(), password })).status, 401)
})
