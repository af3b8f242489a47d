import test from 'ava'
import { defaultTimeouts as timeouts } from '../../src/platform/config/timeouts.ts'
import { compileAll } from '../../src/platform/mail/render.ts'
import { startWorker } from '../../src/processes/worker/start-worker.ts'
import { brokenInvariants } from '../chaos/invariants.ts'
import { startLoad } from '../chaos/load.ts'
import { aWorker } from '../chaos/processes.ts'
import { type Breakpoint, openWireBreakpoint } from '../chaos/wire-breakpoint.ts'
import { anAccount, tokenOf } from '../fixtures.ts'
import { openLocalWorld } from '../local-world.ts'
import { kill } from '../spawn.ts'
import { plainTheme } from '../theme.ts'
import { until } from '../until.ts'

await compileAll(plainTheme, ['en'])

/** In the order of an SMTP session (RFC 5321, 4.1.1). */
const moments: Record<string, Breakpoint> = {
  'before DATA': { bytes: 'DATA\r\n', answered: false },
  'at DATA': { bytes: 'DATA\r\n', answered: true },
  'during the content': { bytes: 'Message-ID', answered: false },
  'after the server accepted the email': { bytes: '\r\n.\r\n', answered: true },
}

for (const [moment, breakpoint] of Object.entries(moments))
  test(`a worker is killed ${moment} → another worker soon sends the same email`, async t => {
    await using world = await openLocalWorld({ timeouts })
    await using proxy = await openWireBreakpoint(world.mails.url, '25')
    const { child } = await aWorker(world, { SMTP_URL: proxy.through(world.mails.url) })
    const hit = new Promise<void>(resolve => proxy.set(breakpoint, resolve))
    const { email } = await anAccount(world.client)
    await hit
    await kill(child)
    const began = performance.now()
    const worker = startWorker(world.deps)
    t.teardown(worker.close)

    const twice = moment.startsWith('after')
    const { link, mail } = await world.mails.to(email, twice ? 2 : 1)
    const took = performance.now() - began
    t.true(took < 25_000, `taken over after ${took} ms`)
    const [row] = await until('the row to be marked as sent', async () => {
      const rows = await world.sql<{ id: string; attempts: number }>(
        `SELECT * FROM emails WHERE status = 'sent'`,
      )
      return rows.length === 1 && rows
    })
    t.is(row?.attempts, 2, 'the attempt of the killed worker counts')
    t.is(mail.messageId, `<${row?.id}@localhost>`)
    t.is(world.mails.caught.length, twice ? 2 : 1)
    t.is(world.mails.caught[0]?.link, link)
    t.is(world.mails.caught[0]?.mail.messageId, mail.messageId)
    t.is((await world.client.post('verify-email', { token: tokenOf(link) })).status, 200)
  })

test('workers are killed one after another under load → no email is lost', async t => {
  await using world = await openLocalWorld({ timeouts })
  let victim = await aWorker(world)
  await using load = await startLoad(world, { urls: [world.url] })
  for (let i = 0; i < 2; i++) {
    const caught = world.mails.caught.length
    await until('another email to arrive', () => world.mails.caught.length > caught)
    const next = aWorker(world)
    await kill(victim.child)
    victim = await next
  }
  await load.stop()
  t.deepEqual(await brokenInvariants(load), [])
  await kill(victim.child)
})
