import test from 'ava'
import { anAccount, anEmail } from '../make.ts'
import { openWorld } from '../world.ts'
import { settled } from './moving.ts'

// The limits that ship: a change of address must not be a way to fill strange mailboxes, or to try passwords.

const world = await openWorld({
  worker: true,
  env: { RATE_LIMITS: 'register=1000/1h', TRUSTED_PROXIES: '1' },
})
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())

let asked = 0
const somewhere = () => `198.51.100.${++asked}`
const ask = async (
  newEmail: string,
  { ip = somewhere(), at = world.client, password = '' } = {},
  account = anAccount(world.client, {}),
) => {
  const mover = await account
  return at.post(
    'change-email',
    { current_password: password || mover.password, new_email: newEmail },
    { token: mover.access, headers: { 'x-forwarded-for': ip } },
  )
}

test('one mailbox is written to three times an hour, whoever asks from wherever', async t => {
  const newEmail = anEmail()
  const movers = await Promise.all(Array.from({ length: 4 }, () => anAccount(world.client)))
  const replies = await Promise.all(
    Array.from({ length: 12 }, (_, i) =>
      ask(
        i % 3 ? newEmail : newEmail.toUpperCase(),
        { at: (i % 2 ? world : other).client },
        Promise.resolve(movers[i % 4] ?? anAccount(world.client)),
      ),
    ),
  )
  const statuses = replies.map(({ status }) => status).sort()
  t.deepEqual(statuses, [...Array(3).fill(202), ...Array(9).fill(429)])
  const refused = replies.find(({ status }) => status === 429)
  t.is(refused?.body.code, 'RATE_LIMIT_EXCEEDED')
  t.true(Number(refused?.headers.get('retry-after')) > 3500)
  t.is((await ask(anEmail())).status, 202, 'another mailbox is not concerned')
  await settled(world)
  t.true(world.mails.caught.filter(({ to }) => to.includes(newEmail)).length <= 3)
})

test('one address of the network has ten mails an hour, to however many mailboxes', async t => {
  const ip = '203.0.113.9'
  const account = anAccount(world.client)
  const statuses = []
  for (let i = 0; i < 11; i++) statuses.push((await ask(anEmail(), { ip }, account)).status)
  t.deepEqual(statuses, [...Array(10).fill(202), 429])
  t.is((await ask(anEmail(), {}, account)).status, 202, 'a neighbour may')
})

test('a place tries ten passwords here, by whatever sessions, then must wait', async t => {
  const ip = '203.0.113.10'
  const accounts = [1, 2, 3].map(() => anAccount(world.client))
  const password = 'wrong horse 9'
  const statuses = []
  for (let i = 0; i < 11; i++) statuses.push((await ask(anEmail(), { ip, password }, accounts[i % 3])).status)
  t.deepEqual(statuses, [...Array(10).fill(403), 429])
})
