import anyTest from 'ava'
import { anAccount, tokenOf } from '../../fixtures.ts'
import { openWorld } from '../../world.ts'
import { newPassword, userWithResetMail } from '../passwords/user-with-reset-mail.ts'

// FRONTEND_URL: links in emails lead to the pages of the front end.

const test = anyTest.serial

const world = await openWorld({ worker: true, env: { FRONTEND_URL: 'https://app.example:8443/shop/' } })
anyTest.after.always(() => world[Symbol.asyncDispose]())

test('FRONTEND_URL set → the reset email links to the front end with only the token', async t => {
  const { email, reset } = await userWithResetMail(world)
  const { link } = reset.caught
  t.is(link, `https://app.example:8443/shop/reset-password?token=${tokenOf(link)}`)
  t.regex(tokenOf(link), /^lkp_[\w-]{64}$/)
  const { token } = reset
  t.is((await world.client.post('verify-reset-token', { token })).status, 200)
  t.is((await world.client.post('reset-password', { token, new_password: newPassword })).status, 204)
  t.is((await world.client.post('login', { email, password: newPassword })).status, 200)
})

for (const extra of [
  { redirect_url: 'https://evil.example' },
  { reset_url: 'https://evil.example' },
  { url: 'x' },
])
  test(`${Object.keys(extra)[0]} in the body of forgot-password → 400 and no email`, async t => {
    const { email } = await userWithResetMail(world)
    const queuedEmails = () => world.sql('SELECT id FROM emails WHERE recipient LIKE $1', [`%${email}`])
    const before = await queuedEmails()
    const known = await world.client.post('forgot-password', { email, ...extra })
    const unknown = await world.client.post('forgot-password', { email: `no-${email}`, ...extra })
    t.is(known.status, 400)
    t.is(unknown.status, 400)
    t.deepEqual(await queuedEmails(), before)
  })

test('FRONTEND_URL set → the verify button redirects there and the CSP allows it', async t => {
  const { email } = await anAccount(world.client)
  const { link } = await world.mails.to(email)
  t.true(link.startsWith('http://latchkey.test/'), 'the link opens a page of the service')
  const page = await world.client.get(link.slice('http://latchkey.test'.length))
  const csp = page.headers.get('content-security-policy') ?? ''
  t.regex(csp, /form-action 'self' https:\/\/app\.example:8443;/)
  const pressed = await world.client.send('POST', 'verify-email/confirm?lang=https://evil.example', {
    body: `token=${tokenOf(link)}`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  t.is(pressed.status, 303)
  t.is(pressed.headers.get('location'), 'https://app.example:8443/shop/email-verified')
  const welcome = await world.mails.to(email, 2)
  t.true(welcome.mail.text?.includes('https://app.example:8443/shop'))
})

for (const query of ['redirect=https://evil.example', 'next=//evil.example', 'lang=//evil.example'])
  test(`verify-email/confirm?${query} → the redirect target is unchanged`, async t => {
    const { email } = await anAccount(world.client)
    const { link } = await world.mails.to(email)
    const pressed = await world.client.send('POST', `verify-email/confirm?${query}`, {
      body: `token=${tokenOf(link)}`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
    t.is(pressed.headers.get('location'), 'https://app.example:8443/shop/email-verified')
  })
