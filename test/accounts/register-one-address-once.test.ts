import test from 'ava'
import { anAccount, anEmail, password } from '../make.ts'
import { openPools, statusesOf, times, volley } from '../volley.ts'
import { openWorld } from '../world.ts'
import { foreignSpellings, spellings } from './spellings.ts'

const world = await openWorld()
// Two instances: what is kept apart within one process alone would fail here.
const other = await world.instance()
await openPools(world, other)
test.after.always(() => world[Symbol.asyncDispose]())

const count = async (table: 'users' | 'emails', column: string, value: string): Promise<number> =>
  (await world.sql(`SELECT 1 FROM ${table} WHERE ${column} = $1`, [value])).length

test.serial(
  'fifty registrations of one address at once make one account, one mail, and forty-nine 409',
  async t => {
    for (let round = 0; round < 3; round++) {
      const email = anEmail()
      const spelt = spellings(email)
      const shots = times(50, i => ({ path: 'register', body: { email: spelt[i % spelt.length], password } }))
      const replies = await volley([world.url, other.url], shots)
      t.deepEqual(statusesOf(replies), { 201: 1, 409: 49 })
      t.is(await count('users', 'email', email), 1)
      t.is(await count('emails', 'recipient', email), 1)

      const made = replies.find(({ status }) => status === 201)
      t.is((await other.client.get('me', { token: made?.body.access_token })).body.email, email)
      for (const { status, body } of replies) if (status === 409) t.is(body.code, 'USER_EXISTS')
    }
  },
)

test.serial('nor do the spellings of a domain in another script make two', async t => {
  for (let round = 0; round < 3; round++) {
    const { kept, spelt } = foreignSpellings()
    const shots = times(50, i => ({ path: 'register', body: { email: spelt[i % spelt.length], password } }))
    const replies = await volley([world.url, other.url], shots)
    t.deepEqual(statusesOf(replies), { 201: 1, 409: 49 })
    t.is(await count('users', 'email', kept), 1)
    t.is(await count('emails', 'recipient', kept), 1)
  }
})

test.serial('a taken address in any spelling is refused, and the account stays as it was', async t => {
  const account = await anAccount(world.client, { full_name: 'First' })
  const [before] = await world.sql('SELECT * FROM users WHERE id = $1', [account.userId])
  for (const email of spellings(account.email)) {
    const reply = await world.client.post('register', {
      email,
      password: 'another horse 9',
      full_name: 'Second',
    })
    t.is(reply.status, 409)
    t.deepEqual(Object.keys(reply.body).sort(), ['code', 'request_id', 'status', 'title', 'type'])
    t.is(reply.body.code, 'USER_EXISTS')
    t.is(reply.headers.get('cache-control'), 'no-store')
    t.false(reply.text.toLowerCase().includes(account.email))
  }
  t.deepEqual((await world.sql('SELECT * FROM users WHERE id = $1', [account.userId]))[0], before)
  t.is(await count('emails', 'recipient', account.email), 1)
  t.is((await world.client.post('login', { email: account.email, password })).status, 200)
  t.is((await world.client.post('login', { email: account.email, password: 'another horse 9' })).status, 401)
})
