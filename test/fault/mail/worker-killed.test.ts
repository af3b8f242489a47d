import test from 'ava'
import { anAccount, tokenOf } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { kill } from '../../spawn.ts'
import { until } from '../../until.ts'

const world = await openLocalWorld()
test.after.always(() => world[Symbol.asyncDispose]())

const startWorker = async () => {
  const { child, lines } = world.spawn('worker')
  await until('the worker to be ready', () => lines.some(line => line.includes('waiting for emails')), 50_000)
  return child
}

test('a worker is killed during a delivery → another sends the same link, code and Message-ID', async t => {
  await world.mails.stall(1)
  const first = await startWorker()
  const { email } = await anAccount(world.client)
  const [lost] = await until('the email to reach the server', async () => {
    const stalled = await world.mails.stalled()
    return stalled.length > 0 && stalled
  })
  await startWorker()
  await kill(first)
  const began = performance.now()
  const { link, code, mail, to } = await world.mails.to(email)
  const took = performance.now() - began
  t.true(took < 25_000, `taken over after ${took} ms`)

  t.deepEqual([to, link, code], [lost?.to, lost?.link, lost?.code])
  t.is(mail.messageId, lost?.mail.messageId)
  const row = await until('the row to be marked as sent', async () => {
    const [found] = await world.sql<{ status: string; attempts: number }>(
      'SELECT * FROM emails WHERE recipient = $1',
      [email],
    )
    return found?.status === 'sent' && found
  })
  t.is(row.attempts, 2, 'the attempt of the killed worker counts')
  t.is(world.mails.caught.length, 1)
  t.is((await world.client.post('verify-email', { token: tokenOf(link) })).status, 200)
})
