import { availableParallelism } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import anyTest from 'ava'
import { anAccount, anEmail, password } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { until } from '../../until.ts'

const test = anyTest.serial

const world = await openLocalWorld({ worker: true, env: { BCRYPT_COST: '10' } })
anyTest.after.always(() => world[Symbol.asyncDispose]())
const { client, deps } = world

// A thread takes one, and 24 may wait for it in each lane.
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

/**
 * Strangers who ask again as soon as they are served, so that their places in the queue are always taken. Who is turned
 * away rests, for the sake of the machine.
 */
const keepFlooding = () => {
  let goesOn = true
  const statuses: number[] = []
  const ask = async (i: number): Promise<void> => {
    while (goesOn) {
      const path = i % 2 ? 'register' : 'login'
      const { status } = await client.post(path, { email: anEmail(), password })
      statuses.push(status)
      if (status === 503) await sleep(100)
    }
  }
  const all = Array.from({ length: 30 * availableParallelism() }, (_, i) => ask(i))
  return {
    statuses,
    [Symbol.asyncDispose]: async () => {
      goesOn = false
      await Promise.all(all)
    },
  }
}

test('a flood of registrations and unknown devices → known devices, changes and resets of passwords are served', async t => {
  const [known, changing, leaving, forgetful] = await Promise.all(
    Array.from({ length: 4 }, () => anAccount(client)),
  )
  if (!known || !changing || !leaving || !forgetful) throw new Error('nobody is there')
  await client.post('forgot-password', { email: forgetful.email })
  const { link } = await world.mails.to(forgetful.email, 1, '/reset-password')
  const token = new URL(link).searchParams.get('token') ?? ''
  const next = 'a wholly new 7 phrase'

  await using flood = keepFlooding()
  await until('strangers to be turned away', () => flood.statuses.includes(503))
  for (let i = 0; i < 3; i++)
    t.is((await client.post('login', { email: known.email, password })).status, 200, 'a known device')
  const change = { current_password: password, new_password: next }
  t.is((await client.post('change-password', change, { token: changing.access })).status, 200)
  const move = { current_password: password, new_email: anEmail() }
  t.is((await client.post('change-email', move, { token: leaving.access })).status, 202)
  const leave = { token: leaving.access, body: { password } }
  t.is((await client.send('DELETE', 'me', leave)).status, 204)
  t.is((await client.post('reset-password', { token, new_password: next })).status, 204)

  const before = flood.statuses.length
  await until('strangers to be turned away still', () => flood.statuses.slice(before).includes(503))
  await until('strangers to be served still', () => flood.statuses.slice(before).includes(201))
})

test('a flood → an account that is there and one that is not are turned away alike on a new device', async t => {
  const account = await anAccount(client)
  await using flood = keepFlooding()
  await until('strangers to be turned away', () => flood.statuses.includes(503))
  const headers = { 'user-agent': 'another-program/1' }
  for (const email of [account.email, anEmail()])
    await until(`${email} to be turned away`, async () => {
      const { status } = await client.post('login', { email, password: 'wrong horse 9' }, { headers })
      return status === 503
    })
  t.pass()
})
