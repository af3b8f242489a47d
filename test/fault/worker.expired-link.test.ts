import test from 'ava'
import { defaultTimeouts as timeouts } from '../../src/platform/config/timeouts.ts'
import { anAccount } from '../fixtures.ts'
import { openLocalWorld } from '../local-world.ts'
import { until } from '../until.ts'

// An email whose link has expired is not sent: its link would only lead to an error page.

const world = await openLocalWorld({ timeouts, worker: true })
test.after.always(() => world[Symbol.asyncDispose]())

const minute = 60_000
type Row = { id: string; kind: string; status: string; last_error: string | null; recipient: string }
const rowOf = async (email: string, kind: string) =>
  (await world.sql<Row>('SELECT * FROM emails WHERE recipient = $1 AND kind = $2', [email, kind]))[0]
const settled = (email: string, kind: string) =>
  until(`the email ${kind} to be sent or dropped`, async () => {
    const row = await rowOf(email, kind)
    return row && row.status !== 'queued' && row.status
  })
const mailsTo = (email: string) => world.mails.caught.filter(({ to }) => to.includes(email)).length
const tryLater = Object.assign(new Error('later'), { responseCode: 451 })

test.serial('the mail server puts emails off until their links have expired → they are dropped', async t => {
  await world.mails.answer(tryLater)
  const { email } = await anAccount(world.client)
  await world.client.post('forgot-password', { email })
  const refused = (kind: string) => until('a refusal', async () => (await rowOf(email, kind))?.last_error)
  t.is(await refused('verify_email'), 'SMTP 451')
  t.is(await refused('reset_password'), 'SMTP 451')

  world.clock.shift += 61 * minute
  await world.mails.answer(null)
  t.is(await settled(email, 'reset_password'), 'dropped')
  t.is(await settled(email, 'verify_email'), 'sent', 'its link is valid for a day')
  t.is(mailsTo(email), 1)
})

test.serial('no worker ran until the link of an email had expired → the email is dropped', async t => {
  const { email } = await anAccount(world.client)
  await world.mails.to(email)
  world.clock.shift += 24 * 60 * minute
  // As if it had been queued all that time: its job was lost, and the sweep finds the row.
  await world.sql(
    `INSERT INTO emails (id, kind, recipient, locale, sweep_after)
     VALUES (gen_random_uuid(), 'reset_password', $1, 'en', now())`,
    [email],
  )
  t.is(await settled(email, 'reset_password'), 'dropped')
  t.is(mailsTo(email), 1)
})
