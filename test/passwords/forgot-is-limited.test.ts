import test from 'ava'
import { anAccount, anEmail } from '../make.ts'
import { openWorld, until } from '../world.ts'

// The limits that ship: three mails an hour to one mailbox, ten asked for by one address of the network.

const world = await openWorld({ worker: true, env: { RATE_LIMITS: '', TRUSTED_PROXIES: '1' } })
const other = await world.instance()
test.after.always(() => world[Symbol.asyncDispose]())

let asked = 0
const somewhere = () => `198.51.${100 + Math.floor(++asked / 250)}.${asked % 250}`
const forgot = (email: string, { ip = somewhere(), at = world.client } = {}) =>
  at.post('forgot-password', { email }, { headers: { 'x-forwarded-for': ip } })

test('twenty requests from everywhere at two instances make three mails at most, whoever has the address', async t => {
  const { email } = await anAccount(world.client)
  await world.mails.to(email)
  const unknown = anEmail()
  for (const address of [email, unknown]) {
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        forgot(i % 3 ? address : address.toUpperCase(), { at: (i % 2 ? world : other).client }),
      ),
    )
    const statuses = replies.map(({ status }) => status).sort()
    t.deepEqual(statuses, [...Array(3).fill(202), ...Array(17).fill(429)])
    const refused = replies.find(({ status }) => status === 429)
    t.is(refused?.body.code, 'RATE_LIMIT_EXCEEDED')
    const wait = Number(refused?.headers.get('retry-after'))
    t.true(wait > 3500 && wait <= 3600)
  }
  await until('every mail to be settled', async () => {
    const queued = await world.sql(`SELECT 1 FROM emails WHERE status = 'queued'`)
    return queued.length === 0
  })
  const rows = await world.sql(`SELECT 1 FROM emails WHERE kind = 'reset_password' AND recipient = $1`, [
    email,
  ])
  t.is(rows.length, 3)
  const mails = world.mails.caught.filter(({ to }) => to.includes(email)).length
  t.true(mails >= 2 && mails <= 4, `${mails}: one of the registration, and what the newest left of three`)
  t.is(world.mails.caught.filter(({ to }) => to.includes(unknown)).length, 0)
})

test('one address of the network asks for ten mails, to whomever', async t => {
  const ip = '203.0.113.9'
  const statuses = []
  for (let i = 0; i < 11; i++) statuses.push((await forgot(anEmail(), { ip })).status)
  t.deepEqual(statuses, [...Array(10).fill(202), 429])
  t.is((await forgot(anEmail())).status, 202, 'a neighbour may')
})

test('a mailbox that a stranger has filled up does not close the account', async t => {
  const { email, password, access } = await anAccount(world.client)
  for (let i = 0; i < 4; i++) await forgot(email)
  t.is((await forgot(email)).status, 429)
  t.is((await world.client.post('login', { email, password })).status, 200)
  t.is((await world.client.get('me', { token: access })).status, 200)
})
