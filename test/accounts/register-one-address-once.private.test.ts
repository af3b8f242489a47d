import test from 'ava'
import { password } from '../make.ts'
import { openPools, statusesOf, times, volley } from '../volley.ts'
import { openWorld, until } from '../world.ts'
import { foreignSpellings } from './spellings.ts'

// Where registering tells nothing, a crowd at one address learns nothing either, and makes one account of it.

const world = await openWorld({ worker: true, env: { REGISTRATION_PRIVACY: 'true' } })
const other = await world.instance()
await openPools(world, other)
test.after.always(() => world[Symbol.asyncDispose]())

const { client, sql, mails } = world
const urls = [world.url, other.url]
const usersAt = (email: string) =>
  sql<{ password_hash: string | null }>('SELECT * FROM users WHERE email = $1', [email])
const mailsTo = (email: string) =>
  sql<{ kind: string; status: string }>('SELECT kind, status FROM emails WHERE recipient = $1', [email])
// The mail server reads a domain as its letters.
const caughtBy = (email: string) => email.replace('xn--bcher-kva', 'bücher')
const settled = (email: string) =>
  until('every mail to be settled', async () => {
    const rows = await mailsTo(email)
    return rows.every(({ status }) => status !== 'queued') && rows
  })

test.serial('fifty registrations of one address at once are answered alike and make one account', async t => {
  for (let round = 0; round < 3; round++) {
    const { kept, spelt } = foreignSpellings()
    const passwords = Array.from({ length: 50 }, (_, i) => `a phrase of number ${i}`)
    const replies = await volley(
      urls,
      passwords.map((password, i) => ({
        path: 'register',
        body: { email: spelt[i % spelt.length], password },
      })),
    )
    t.deepEqual(statusesOf(replies), { 202: 50 })
    t.deepEqual([...new Set(replies.map(({ text }) => text))], ['{}'])
    const users = await usersAt(kept)
    t.is(users.length, 1)
    t.is(users[0]?.password_hash, null, 'of several strangers nobody keeps a password')

    const rows = await settled(kept)
    const kinds = Object.groupBy(rows, ({ kind }) => kind)
    t.is(kinds.verify_email?.length, 1)
    t.is(kinds.reset_password?.length, 1)
    // Three notices a day are enough, however many cause them.
    t.is(kinds.account_exists?.filter(({ status }) => status === 'sent').length, 3)
    t.is(mails.caught.filter(({ to }) => to.includes(caughtBy(kept))).length, 5)
    for (const password of passwords.slice(0, 3))
      t.is((await client.post('login', { email: kept, password })).status, 401)
  }
})

test.serial('a crowd at an address that is verified leaves it to its owner', async t => {
  const { kept, spelt } = foreignSpellings()
  await client.post('register', { email: kept, password })
  const { code } = await mails.to(caughtBy(kept))
  t.is((await client.post('verify-email', { email: kept, code })).status, 200)
  const before = await usersAt(kept)
  const shots = times(50, i => ({
    path: 'register',
    body: { email: spelt[i % spelt.length], password: 'another horse 9' },
  }))
  const replies = await volley(urls, shots)
  t.deepEqual(statusesOf(replies), { 202: 50 })
  t.deepEqual(await usersAt(kept), before)
  t.is((await client.post('login', { email: kept, password })).status, 200)
  const rows = await settled(kept)
  t.is(rows.filter(({ kind, status }) => kind === 'account_exists' && status === 'sent').length, 3)
})
