import test from 'ava'
import { anAccount } from '../make.ts'
import { openWorld } from '../world.ts'

const world = await openWorld({ worker: true, env: { EMAIL_LINK_CONFIRM: 'instant' } })
test.after.always(() => world[Symbol.asyncDispose]())

test('where opening a link is enough, GET verifies and HEAD does not', async t => {
  const { email, access } = await anAccount(world.client)
  const { link } = await world.mails.to(email)
  const path = link.slice('http://latchkey.test'.length)
  const verified = async () => (await world.client.get('me', { token: access })).body.email_verified

  t.is((await world.client.send('HEAD', path)).status, 200)
  t.false(await verified())

  const opened = await world.client.get(path)
  t.is(opened.status, 303)
  t.is(opened.headers.get('location'), 'http://latchkey.test/api/v1/auth/email-verified?lang=en')
  t.is(opened.headers.get('cache-control'), 'no-store')
  t.is(opened.headers.get('referrer-policy'), 'no-referrer')
  t.true(await verified())

  const again = await world.client.get(path)
  t.is(again.status, 401)
  t.regex(again.text, /This link is no longer valid/)
})

for (const query of ['', 'token=', 'token=a&token=b', 'token[__proto__]=x', `token=${'A'.repeat(10_000)}`])
  test(`a link that is none is a page and no fault: ${query.slice(0, 20)}`, async t => {
    const page = await world.client.get(`verify-email?${query}&lang=%3Cscript%3E`)
    t.is(page.status, 401)
    t.regex(page.headers.get('content-type') ?? '', /^text\/html/)
    t.notRegex(page.text, /<script/)
  })
