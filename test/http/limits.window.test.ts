import test from 'ava'
import { anEmail, password } from '../make.ts'
import { openWorld, until } from '../world.ts'

const world = await openWorld({ env: { RATE_LIMITS: 'login=2/2s' } })
test.after.always(() => world[Symbol.asyncDispose]())

const login = () => world.client.post('login', { email: anEmail(), password })

test('whoever waits for as long as Retry-After says is let in again', async t => {
  t.is((await login()).status, 401)
  const refused = await until('a refusal', async () => {
    const reply = await login()
    return reply.status === 429 && reply
  })
  const back = Date.now() + Number(refused.headers.get('retry-after')) * 1000
  await until('the time to return', () => Date.now() >= back)
  t.is((await login()).status, 401)
})
