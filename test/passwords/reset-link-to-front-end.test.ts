import test from 'ava'
import { tokenOf } from '../make.ts'
import { openWorld } from '../world.ts'
import { aForgetful, another } from './forgetful.ts'

const world = await openWorld({ worker: true, env: { FRONTEND_URL: 'https://app.example:8443/shop/' } })
test.after.always(() => world[Symbol.asyncDispose]())

test('with a front end the mail links to its page, with the token and nothing else', async t => {
  const { email, reset } = await aForgetful(world)
  const { link } = reset.caught
  t.is(link, `https://app.example:8443/shop/reset-password?token=${tokenOf(link)}`)
  t.regex(tokenOf(link), /^lkp_[\w-]{64}$/)
  const { token } = reset
  t.is((await world.client.post('verify-reset-token', { token })).status, 200)
  t.is((await world.client.post('reset-password', { token, new_password: another })).status, 204)
  t.is((await world.client.post('login', { email, password: another })).status, 200)
})

for (const extra of [
  { redirect_url: 'https://evil.example' },
  { reset_url: 'https://evil.example' },
  { url: 'x' },
])
  test(`no field of the request chooses where the link goes: ${Object.keys(extra)[0]}`, async t => {
    const { email } = await aForgetful(world)
    const owed = () => world.sql('SELECT id FROM emails WHERE recipient LIKE $1', [`%${email}`])
    const before = await owed()
    const known = await world.client.post('forgot-password', { email, ...extra })
    const unknown = await world.client.post('forgot-password', { email: `no-${email}`, ...extra })
    t.is(known.status, 400)
    t.is(unknown.status, 400)
    t.deepEqual(await owed(), before)
  })
