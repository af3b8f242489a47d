import test from 'ava'
import { anAccount, anEmail, password } from '../make.ts'
import { openWorld } from '../world.ts'

const limit = 10
const world = await openWorld({ env: { RATE_LIMITS: `login=${limit}/15m` } })
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())

// An attempt is taken before the password is looked at, or all that arrive together would pass.
test.serial('of a hundred guesses at once, on two instances, ten are looked at', async t => {
  const accounts = await Promise.all([1, 2, 3, 4].map(() => anAccount(world.client)))
  const replies = await Promise.all(
    Array.from({ length: 100 }, (_, i) => {
      const { email = '' } = accounts[i % 4] ?? {}
      return (i % 3 ? other : world).client.post('login', { email, password: `wrong horse ${i}` })
    }),
  )
  const count = (status: number): number => replies.filter(reply => reply.status === status).length
  t.is(count(401), limit)
  t.is(count(429), 100 - limit)
})

test.serial('the right password is refused too once the attempts are used up, on every instance', async t => {
  const account = await anAccount(world.client)
  for (const { client } of [world, other]) {
    const reply = await client.post('login', { email: account.email, password })
    t.is(reply.status, 429)
    t.is(reply.body.code, 'RATE_LIMIT_EXCEEDED')
  }
})

test.serial('another address in each request is no way around', async t => {
  for (let i = 0; i < 5; i++)
    t.is((await world.client.post('login', { email: anEmail(), password })).status, 429)
})
