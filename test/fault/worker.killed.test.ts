import test from 'ava'
import { timeouts } from '../../src/platform/config/timeouts.ts'
import { compileAll } from '../../src/platform/mail/render.ts'
import { startWorker } from '../../src/processes/worker/start-worker.ts'
import { anAccount, tokenOf } from '../fixtures.ts'
import { openLocalWorld } from '../local-world.ts'
import { kill } from '../spawn.ts'
import { plainTheme } from '../theme.ts'
import { until } from '../until.ts'
import { brokenInvariants } from './invariants.ts'
import { aWorker } from './processes.ts'
import { startCrowd } from './traffic.ts'
import { type Mark, openTrap } from './trap.ts'

await compileAll(plainTheme, ['en'])

/** In the order in which SMTP comes to them (RFC 5321, 4.1.1). */
const moments: Record<string, Mark> = {
  'before DATA': { bytes: 'DATA\r\n', answered: false },
  'at DATA': { bytes: 'DATA\r\n', answered: true },
  'in the middle of the mail': { bytes: 'Message-ID', answered: false },
  'after the server took the mail': { bytes: '\r\n.\r\n', answered: true },
}

for (const [moment, mark] of Object.entries(moments))
  test(`a worker that is killed ${moment} loses no mail: another sends it soon, the same one`, async t => {
    await using world = await openLocalWorld({ timeouts })
    await using trap = await openTrap(world.mails.url, '25')
    const { child } = await aWorker(world, { SMTP_URL: trap.through(world.mails.url) })
    const sprung = new Promise<void>(resolve => trap.set(mark, resolve))
    const { email } = await anAccount(world.client)
    await sprung
    await kill(child)
    const began = performance.now()
    const worker = startWorker(world.deps)
    t.teardown(worker.close)

    const twice = moment.startsWith('after')
    const { link, mail } = await world.mails.to(email, twice ? 2 : 1)
    const took = performance.now() - began
    t.true(took < 25_000, `taken over after ${took} ms`)
    const [row] = await until('the row to be settled', async () => {
      const rows = await world.sql<{ id: string; attempts: number }>(
        `SELECT * FROM emails WHERE status = 'sent'`,
      )
      return rows.length === 1 && rows
    })
    t.is(row?.attempts, 2, 'the attempt that ended the process counts')
    t.is(mail.messageId, `<${row?.id}@localhost>`)
    t.is(world.mails.caught.length, twice ? 2 : 1)
    t.is(world.mails.caught[0]?.link, link)
    t.is(world.mails.caught[0]?.mail.messageId, mail.messageId)
    t.is((await world.client.post('verify-email', { token: tokenOf(link) })).status, 200)
  })

test('workers that are killed one after another lose none of the mails of a crowd', async t => {
  await using world = await openLocalWorld({ timeouts })
  let victim = await aWorker(world)
  await using crowd = await startCrowd(world, { urls: [world.url] })
  for (let i = 0; i < 2; i++) {
    const caught = world.mails.caught.length
    await until('mails to flow', () => world.mails.caught.length > caught)
    const next = aWorker(world)
    await kill(victim.child)
    victim = await next
  }
  await crowd.stop()
  t.deepEqual(await brokenInvariants(crowd), [])
  await kill(victim.child)
})
