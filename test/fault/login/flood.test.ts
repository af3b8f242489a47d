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

// A thread hashes one password, and 24 may wait for it in each lane.
const load = 50 * availableParallelism()

test('a flood of logins → some get 503 with Retry-After, and signed-in users are served at once', async t => {
  const account = await anAccount(client)
  const flood = Array.from({ length: load }, () => client.post('login', { email: anEmail(), password }))
  await until('the threads to be busy', () => deps.hasher.waiting() > 0)
  for (let i = 0; i < 10; i++) t.is((await client.get('me', { token: account.access })).status, 200)
  t.true(deps.hasher.waiting() > 0, 'a request with an access token does not wait for the hash threads')
  const replies = await Promise.all(flood)
  t.deepEqual([...new Set(replies.map(({ status }) => status))].sort(), [401, 503])
  for (const { headers } of replies.filter(({ status }) => status === 503))
    t.true(Number(headers.get('retry-after')) >= 1)
  t.is(
    (await client.post('login', { email: account.email, password })).status,
    200,
    'login works after the flood',
  )
})

/** Unknown devices that repeat their requests at once, so that the queue stays full. After a 503 they rest for 100 ms. */
const keepFlooding = () => {
  let isRunning = true
  const statuses: number[] = []
  const ask = async (i: number): Promise<void> => {
    while (isRunning) {
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
      isRunning = false
      await Promise.all(all)
    },
  }
}

test('a flood of sign-ups and unknown devices → known devices and password changes are served', async t => {
  const [known, changing, leaving, resetting] = await Promise.all(
    Array.from({ length: 4 }, () => anAccount(client)),
  )
  if (!known || !changing || !leaving || !resetting) throw new Error('an account is missing')
  await client.post('forgot-password', { email: resetting.email })
  const { link } = await world.mails.to(resetting.email, 1, '/reset-password')
  const token = new URL(link).searchParams.get('token') ?? ''
  const newPassword = 'a wholly new 7 phrase'

  await using flood = keepFlooding()
  await until('an unknown device to get 503', () => flood.statuses.includes(503))
  for (let i = 0; i < 3; i++)
    t.is((await client.post('login', { email: known.email, password })).status, 200, 'a known device')
  const change = { current_password: password, new_password: newPassword }
  t.is((await client.post('change-password', change, { token: changing.access })).status, 200)
  const move = { current_password: password, new_email: anEmail() }
  t.is((await client.post('change-email', move, { token: leaving.access })).status, 202)
  const leave = { token: leaving.access, body: { password } }
  t.is((await client.send('DELETE', 'me', leave)).status, 204)
  t.is((await client.post('reset-password', { token, new_password: newPassword })).status, 204)

  const before = flood.statuses.length
  await until('more unknown devices to get 503', () => flood.statuses.slice(before).includes(503))
  await until('more unknown devices to be served', () => flood.statuses.slice(before).includes(201))
})

test('a flood, and logins from a new device → 503 for an existing and for an unknown account alike', async t => {
  const account = await anAccount(client)
  await using flood = keepFlooding()
  await until('an unknown device to get 503', () => flood.statuses.includes(503))
  const headers = { 'user-agent': 'another-program/1' }
  for (const email of [account.email, anEmail()])
    await until(`${email} to get 503`, async () => {
      const { status } = await client.post('login', { email, password: 'wrong horse 9' }, { headers })
      return status === 503
    })
  t.pass()
})
