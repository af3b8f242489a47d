import { availableParallelism } from 'node:os'
import test from 'ava'
import { openLocalWorld } from '../../local-world.ts'
import { anAccount, anEmail, password } from '../../make.ts'
import { until } from '../../until.ts'

const world = await openLocalWorld({ env: { BCRYPT_COST: '10' } })
test.after.always(() => world[Symbol.asyncDispose]())
const { client, deps } = world

// A thread takes one, and 24 may wait for it.
const crowd = 50 * availableParallelism()

test('a flood of logins is told to come back, and holds up nobody who is signed in', async t => {
  const account = await anAccount(client)
  const flood = Array.from({ length: crowd }, () => client.post('login', { email: anEmail(), password }))
  await until('the threads to be busy', () => deps.hasher.waiting() > 0)
  for (let i = 0; i < 10; i++) t.is((await client.get('me', { token: account.access })).status, 200)
  t.true(deps.hasher.waiting() > 0, 'a bearer does not wait for the threads')
  const replies = await Promise.all(flood)
  t.deepEqual([...new Set(replies.map(({ status }) => status))].sort(), [401, 503])
  for (const { headers } of replies.filter(({ status }) => status === 503))
    t.true(Number(headers.get('retry-after')) >= 1)
  t.is((await client.post('login', { email: account.email, password })).status, 200, 'and it is over')
})
