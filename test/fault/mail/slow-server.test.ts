import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { deliver } from '../../../src/features/mail-delivery/deliver.ts'
import { sweep } from '../../../src/features/mail-delivery/sweep.ts'
import { defaultTimeouts as timeouts } from '../../../src/platform/config/timeouts.ts'
import { openTransport } from '../../../src/platform/mail/transport.ts'
import { anAccount } from '../../fixtures.ts'
import type { SmtpMoment } from '../../scripted-smtp.ts'
import { until } from '../../until.ts'
import { openScriptedDelivery } from './scripted-delivery.ts'

// A mail server that answers slowly or never, at each step of a session.

const setup = await openScriptedDelivery()
const { smtp, world, rowOf, rowOnce, sent, contentsOf, workerOf } = setup
const slow = await openScriptedDelivery()
test.after.always(async () => {
  await setup.close()
  await slow.close()
})

test.serial.afterEach.always(() => smtp.answer(() => undefined))

test('timeouts are at least those of RFC 5321: 5 minutes for a command, 10 minutes after the content', t => {
  const minute = 60_000
  t.true(timeouts.smtpGreeting >= 5 * minute)
  t.true(timeouts.smtpReply >= 10 * minute)
  t.true(timeouts.smtpDelivery > timeouts.smtpGreeting + timeouts.smtpReply)
  t.true(timeouts.mailUnanswered >= 30 * minute)
})

test('the content is answered after the lock of the job expires → the email is sent once', async t => {
  slow.smtp.answer(async moment => {
    if (moment === '.') await sleep(13_000)
    return moment === '.' ? '250 taken' : undefined
  })
  const worker = slow.workerOf()
  t.teardown(worker.close)
  const { email } = await anAccount(slow.world.client)
  const { id } = await slow.rowOnce(email, found => slow.contentsOf(found) === 1)
  // By then a hold that is not renewed would have expired.
  await sleep(10_000)
  using transport = openTransport(slow.smtp.url)
  t.is(await deliver({ ...slow.world.deps, transport }, id), 'held', 'a second job sends nothing')
  const row = await until(
    'the email',
    async () => {
      const found = await slow.rowOf(email)
      return found.status === 'sent' && found
    },
    60_000,
  )
  t.like(row, { attempts: 1, last_error: null })
  t.is(slow.contentsOf(row), 1)
  t.false(
    slow.world.logs.some(line => line.includes('mail worker')),
    'its job kept its lock',
  )
})

for (const at of ['greeting', 'EHLO', 'MAIL FROM', 'RCPT TO', 'DATA', '.'] as SmtpMoment[])
  test.serial(`${at} is answered slowly → the email is sent at the first attempt`, async t => {
    const late = { greeting: '220 hello', EHLO: '250 ok', DATA: '354 go' }
    smtp.answer(async moment => {
      if (moment !== at) return undefined
      await sleep(1500)
      return (late as Record<string, string>)[at] ?? '250 ok'
    })
    const worker = workerOf({ smtpSecondCall: 400 })
    const { email } = await anAccount(world.client)
    const row = await sent(email)
    await worker.close()
    t.like(row, { attempts: 1, last_error: null })
    t.is(contentsOf(row), 1)
  })

test.serial('the first connection is never greeted → a second one is, in the same attempt', async t => {
  let calls = 0
  smtp.answer(moment => (moment === 'greeting' && ++calls === 1 ? null : undefined))
  const worker = workerOf({ smtpSecondCall: 300 })
  const { email } = await anAccount(world.client)
  t.like(await sent(email), { attempts: 1 })
  t.is(calls, 2)
  await worker.close()
})

for (const at of ['greeting', 'MAIL FROM'] as SmtpMoment[])
  test.serial(`${at} is never answered → the next attempt is soon, because nothing was sent`, async t => {
    let asked = 0
    smtp.answer(moment => (moment === at && ++asked < 2 ? null : undefined))
    const worker = workerOf({ smtpGreeting: 500, smtpReply: 500 })
    const { email } = await anAccount(world.client)
    const row = await sent(email)
    await worker.close()
    t.like(row, { attempts: 2, sends_unanswered: 0 })
    t.is(contentsOf(row), 1)
  })

test.serial(
  'the content is never answered → it is sent again late, three times in all, with the same Message-ID',
  async t => {
    smtp.answer(moment => (moment === '.' ? null : undefined))
    const worker = workerOf({ smtpReply: 300 })
    const { email } = await anAccount(world.client)
    const first = await rowOnce(email, row => row.sends_unanswered === 1)
    t.like(first, { status: 'queued', attempts: 1, last_error: 'ETIMEDOUT, perhaps delivered' })
    t.true(Math.abs((first.held_for ?? 0) - 1800) < 60, 'half an hour')

    // Neither the sweep nor another job sends it earlier.
    await world.sql('UPDATE emails SET sweep_after = now() WHERE id = $1', [first.id])
    t.is(await sweep(world.deps), 1)
    await until('the job to end', async () => !(await world.deps.queue.open().getJob(first.id)))
    t.is(contentsOf(first), 1)

    const makeDue = () =>
      world.sql('UPDATE emails SET held_until = now(), sweep_after = now() WHERE id = $1', [first.id])
    await makeDue()
    const second = await rowOnce(email, row => row.sends_unanswered === 2)
    t.true(Math.abs((second.held_for ?? 0) - 4 * 3600) < 60, 'four hours')
    await makeDue()
    const last = await rowOnce(email, row => row.status === 'failed')
    t.like(last, { attempts: 3, last_error: 'ETIMEDOUT, perhaps delivered' })
    t.is(contentsOf(last), 3)
    t.is(new Set(smtp.contents.filter(each => each.includes(last.id))).size, 1)
    await worker.close()
  },
)

test.serial(
  'the connection breaks before the content is answered → it is sent again soon, then late',
  async t => {
    smtp.answer(moment => (moment === '.' ? 'hang up' : undefined))
    const worker = workerOf({ mailBroken: 500 })
    const { email } = await anAccount(world.client)
    const first = await rowOnce(email, row => row.sends_unanswered === 1)
    t.regex(first.last_error ?? '', /^(?:ECONNECTION|ESOCKET), perhaps delivered$/)
    const second = await rowOnce(email, row => row.sends_unanswered === 2)
    t.true((second.held_for ?? 0) > 3600)
    t.is(contentsOf(second), 2)
    await worker.close()
  },
)

test.serial(
  'the server sends a byte now and then and never ends its reply → the attempt times out',
  async t => {
    smtp.answer((moment, _, dribble) => (moment === 'RCPT TO' ? dribble() : undefined))
    const worker = workerOf({ smtpDelivery: 1000 })
    const { email } = await anAccount(world.client)
    const row = await rowOnce(email, ({ last_error }) => last_error !== null)
    t.like(row, { status: 'queued', last_error: 'EABORT', sends_unanswered: 0 })
    await worker.close()
  },
)

test.serial('six emails wait for a slow server → other emails are sent meanwhile', async t => {
  const stuck = new Set<string>()
  smtp.answer((moment, line) =>
    moment === 'RCPT TO' && [...stuck].some(email => line.includes(email)) ? null : undefined,
  )
  const worker = workerOf({ smtpSlow: 300, mailClose: 100 })
  for (let i = 0; i < 6; i++) {
    const email = `stuck-${i}@example.com`
    stuck.add(email)
    await anAccount(world.client, { email })
  }
  await until('the slow deliveries to be under way', async () => {
    const { attempts } = await rowOf('stuck-5@example.com')
    return attempts === 1
  })
  const { email } = await anAccount(world.client)
  t.like(await sent(email), { attempts: 1 })
  t.like(await rowOf('stuck-0@example.com'), { status: 'queued', attempts: 1, last_error: null })
  await worker.close()
})
