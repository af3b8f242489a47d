import test from 'ava'
import { anAccount, tokenOf } from '../make.ts'
import { openWorld } from '../world.ts'

const world = await openWorld({ worker: true, env: { FRONTEND_URL: 'https://app.example:8443/shop/' } })
test.after.always(() => world[Symbol.asyncDispose]())

test('with a front end the button leads there, and the policy of the page allows it', async t => {
  const { email } = await anAccount(world.client)
  const { link } = await world.mails.to(email)
  t.true(link.startsWith('http://latchkey.test/'), 'the link itself is ours')
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
  test(`no query chooses where the button leads: ${query}`, async t => {
    const { email } = await anAccount(world.client)
    const { link } = await world.mails.to(email)
    const pressed = await world.client.send('POST', `verify-email/confirm?${query}`, {
      body: `token=${tokenOf(link)}`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
    t.is(pressed.headers.get('location'), 'https://app.example:8443/shop/email-verified')
  })
