import test from 'ava'
import { timeouts } from '../../src/platform/config/timeouts.ts'
import { anAccount } from '../fixtures.ts'
import { openLocalWorld } from '../local-world.ts'
import { until } from '../until.ts'

// A link that would open nothing any more is not sent: its reader would be sent in circles.

const world = await openLocalWorld({ timeouts, worker: true })
test.after.always(() => world[Symbol.asyncDispose]())

const minute = 60_000
type Row = { id: string; kind: string; status: string; last_error: string | null; recipient: string }
const rowOf = async (email: string, kind: string) =>
  (await world.sql<Row>('SELECT * FROM emails WHERE recipient = $1 AND kind = $2', [email, kind]))[0]
const settled = (email: string, kind: string) =>
  until(`the mail ${kind} to be settled`, async () => {
    const row = await rowOf(email, kind)
    return row && row.status !== 'queued' && row.status
  })
const mailsTo = (email: string) => world.mails.caught.filter(({ to }) => to.includes(email)).length
const putOff = Object.assign(new Error('later'), { responseCode: 451 })

test.serial('mails that the server put off for longer than their links live are dropped', async t => {
  await world.mails.answer(putOff)
  const { email } = await anAccount(world.client)
  await world.client.post('forgot-password', { email })
  const refused = (kind: string) => until('a refusal', async () => (await rowOf(email, kind))?.last_error)
  t.is(await refused('verify_email'), 'SMTP 451')
  t.is(await refused('reset_password'), 'SMTP 451')

  world.clock.shift += 61 * minute
  await world.mails.answer(null)
  t.is(await settled(email, 'reset_password'), 'dropped')
  t.is(await settled(email, 'verify_email'), 'sent', 'its link lives for a day')
  t.is(mailsTo(email), 1)
})

test.serial('and so is one that nobody was there to send', async t => {
  const { email } = await anAccount(world.client)
  await world.mails.to(email)
  world.clock.shift += 24 * 60 * minute
  // As though it had been owed all that time: its job was lost, and the sweeper finds the row.
  await world.sql(
    `INSERT INTO emails (id, kind, recipient, locale, sweep_after)
     VALUES (gen_random_uuid(), 'reset_password', $1, 'en', now())`,
    [email],
  )
  t.is(await settled(email, 'reset_password'), 'dropped')
  t.is(mailsTo(email), 1)
})
