import { setTimeout as sleep } from 'node:timers/promises'
import test from 'ava'
import { sweep } from '../../../src/features/mail-delivery/sweep.ts'
import { startWorker } from '../../../src/processes/worker/start-worker.ts'
import { anAccount } from '../../fixtures.ts'
import { openProxiedInstance } from '../../proxied-instance.ts'
import { until } from '../../until.ts'
import { openScriptedDelivery } from './scripted-delivery.ts'

// A worker, Redis or Postgres fails while the mail server has not answered yet.

const setup = await openScriptedDelivery()
const { smtp, world, rowOf, rowOnce, sent, contentsOf, workerOf } = setup
test.after.always(setup.close)

test.serial.afterEach.always(() => smtp.answer(() => undefined))

test.serial(
  'Redis loses the queue while the content waits for its answer → the email is not sent twice',
  async t => {
    const { promise, resolve } = Promise.withResolvers<string>()
    smtp.answer(moment => (moment === '.' ? promise : undefined))
    const workers = [workerOf(), workerOf()]
    const { email } = await anAccount(world.client)
    const held = await rowOnce(email, row => contentsOf(row) === 1)
    await world.deps.queue.open().obliterate({ force: true })
    for (let i = 0; i < 3; i++) {
      await world.sql('UPDATE emails SET sweep_after = now() WHERE id = $1', [held.id])
      t.is(await sweep(world.deps), 1)
      await until('the second job to end', async () => !(await world.deps.queue.open().getJob(held.id)))
    }
    t.is(contentsOf(held), 1)
    resolve('250 taken')
    t.like(await sent(email), { attempts: 1 })
    t.is(contentsOf(held), 1)
    for (const { close } of workers) await close()
  },
)

test.serial(
  'a worker exits while the content waits for its answer → the next worker does not send it at once',
  async t => {
    smtp.answer(moment => (moment === '.' ? null : undefined))
    const worker = workerOf({ mailClose: 200 })
    const { email } = await anAccount(world.client)
    await rowOnce(email, row => contentsOf(row) === 1)
    await worker.close()
    const row = await rowOf(email)
    t.like(row, { status: 'queued', last_error: 'EABORT, perhaps delivered', sends_unanswered: 1 })
    t.true((row.held_for ?? 0) > 1700)

    smtp.answer(() => undefined)
    const next = workerOf()
    const other = await anAccount(world.client)
    await sent(other.email)
    t.is(contentsOf(row), 1)
    await next.close()
  },
)

test.serial('a worker exits before it sent the content → the next worker sends it soon', async t => {
  smtp.answer(moment => (moment === 'RCPT TO' ? null : undefined))
  const worker = workerOf({ mailClose: 200 })
  const { email } = await anAccount(world.client)
  await rowOnce(email, row => row.attempts === 1)
  await worker.close()
  t.like(await rowOf(email), { status: 'queued', sends_unanswered: 0 })
  smtp.answer(() => undefined)
  const next = workerOf()
  t.is(contentsOf(await sent(email)), 1)
  await next.close()
})

test.serial(
  'Postgres is down when the content is accepted → the row is updated later, and nothing is sent twice',
  async t => {
    await using proxied = await openProxiedInstance(world)
    smtp.answer(moment => {
      if (moment === '.') proxied.postgres.cut()
      return undefined
    })
    const worker = startWorker(proxied.deps)
    const { email } = await anAccount(world.client)
    const row = await rowOnce(email, found => contentsOf(found) === 1)
    await sleep(1000)
    proxied.postgres.heal()
    t.like(await sent(email), { attempts: 1 })
    t.is(contentsOf(row), 1)
    await worker.close()
  },
)
