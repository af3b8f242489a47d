import test from 'ava'
import { anEmail, password } from '../make.ts'
import { openPools, statusesOf, times, volley } from '../volley.ts'
import { openWorld } from '../world.ts'
import { aPlace, loginFrom } from './stranger.ts'

// An attempt that was compared with nothing, as too many passwords waited, must not hold up whoever asks again.

const world = await openWorld({ env: { RATE_LIMITS: '', TRUSTED_PROXIES: '1', BCRYPT_COST: '9' } })
await openPools(world)
test.after.always(() => world[Symbol.asyncDispose]())
const { client } = world

test('an owner who was turned away in a flood of logins signs in right after it', async t => {
  const [email, home] = [anEmail(), aPlace()]
  t.is((await client.post('register', { email, password }, { headers: home })).status, 201)
  const body = { email, password }
  const flood = times(50, () => ({ path: 'login', body: { ...body, email: anEmail() }, headers: aPlace() }))
  const owners = times(14, () => ({ path: 'login', body, headers: aPlace() }))
  const replies = await volley([world.url], [...flood, ...owners])
  const turned = statusesOf(replies.slice(50))
  t.true((turned[503] ?? 0) >= 5, JSON.stringify(turned))
  t.is((await loginFrom(client, email, password)).status, 200)
  t.is((await loginFrom(client, email, password, home)).status, 200)
})
