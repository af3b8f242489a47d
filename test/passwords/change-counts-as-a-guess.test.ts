import test from 'ava'
import { anAccount } from '../make.ts'
import { openWorld } from '../world.ts'
import { another } from './forgetful.ts'

// A stolen access token must not be a way round the limit of logins.

const world = await openWorld({ env: { RATE_LIMITS: 'login=5/15m' } })
test.after.always(() => world[Symbol.asyncDispose]())

test('guesses at the current password are counted before they are compared, with those at the login', async t => {
  const { email, password, access: token } = await anAccount(world.client)
  const guess = (current: string, method = 'POST') =>
    world.client.send(method, 'change-password', {
      token,
      body: { current_password: current, new_password: another },
    })
  await world.client.post('login', { email, password: 'wrong horse 9' })
  const replies = await Promise.all(
    Array.from({ length: 12 }, (_, i) => guess(`wrong horse ${i}`, i % 2 ? 'POST' : 'PUT')),
  )
  const statuses = replies.map(({ status }) => status).sort()
  t.deepEqual(statuses, [...Array(4).fill(403), ...Array(8).fill(429)])
  t.is((await guess(password)).status, 429, 'the right one comes too late')
  t.is((await world.client.get('me', { token })).status, 200)
})
