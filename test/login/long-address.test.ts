import test from 'ava'
import { anAccount, anEmail } from '../make.ts'
import { openWorld } from '../world.ts'

// bcrypt over id, address and password together sees nothing of the password once the address is long.

const world = await openWorld()
test.after.always(() => world[Symbol.asyncDispose]())

test('the longest address leaves no room for a wrong password', async t => {
  const local = anEmail().split('@')[0]?.padEnd(64, 'a')
  const email = `${local}@${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}.exampl`
  t.is(email.length, 254)
  const { password } = await anAccount(world.client, { email })
  for (const wrong of ['wrong horse 9', `${password}x`, password.slice(0, -1), 'x'])
    t.is((await world.client.post('login', { email, password: wrong })).status, 401, wrong)
  t.is((await world.client.post('login', { email, password })).status, 200)
})
