import { once } from 'node:events'
import test from 'ava'
import { defaultTimeouts as timeouts } from '../../src/platform/config/timeouts.ts'
import { compileAll } from '../../src/platform/mail/render.ts'
import { startWorker } from '../../src/processes/worker/start-worker.ts'
import { brokenInvariants } from '../chaos/invariants.ts'
import { startLoad } from '../chaos/load.ts'
import { aWorker } from '../chaos/processes.ts'
import { anAccount } from '../fixtures.ts'
import { openLocalWorld } from '../local-world.ts'
import { openMailSink } from '../mail-sink.ts'
import { openProxy } from '../proxy.ts'
import { plainTheme } from '../theme.ts'
import { until } from '../until.ts'

// A mail server that accepts connections and never answers.

await compileAll(plainTheme, ['en'])

const aTarpit = async () => {
  const sink = await openMailSink()
  const proxy = await openProxy('127.0.0.1', Number(new URL(sink.url).port))
  proxy.pause()
  const world = await openLocalWorld({ timeouts, env: { SMTP_URL: proxy.through(sink.url) } })
  const close = async () => {
    await world[Symbol.asyncDispose]()
    await proxy[Symbol.asyncDispose]()
    await sink[Symbol.asyncDispose]()
  }
  return { sink, proxy, world, close }
}
const [first, second] = [await aTarpit(), await aTarpit()]
test.after.always(async () => {
  await first.close()
  await second.close()
})

test('the mail server never answers → the API is not slower, and emails are sent once it answers again', async t => {
  const { sink, proxy, world } = first
  const worker = startWorker(world.deps)
  t.teardown(worker.close)
  await using load = await startLoad({ sql: world.sql, mails: sink }, { urls: [world.url] })
  await load.served(150)
  await until('five deliveries to hang', async () => {
    const held = await world.sql('SELECT 1 FROM emails WHERE attempts > 0')
    return held.length >= 5
  })
  t.is(sink.caught.length, 0)
  // Open connections stay silent. New ones are served.
  proxy.strand()
  await load.stop()
  t.deepEqual(await brokenInvariants(load), [])
})

test('SIGTERM to a worker while the mail server never answers → it exits in time', async t => {
  const { sink, world } = second
  const { child } = await aWorker(world)
  // More emails than it sends at once.
  for (let i = 0; i < 24; i++) await anAccount(world.client)
  await until('five deliveries to hang', async () => {
    const held = await world.sql('SELECT 1 FROM emails WHERE attempts > 0')
    return held.length >= 5
  })
  const began = performance.now()
  child.kill('SIGTERM')
  const [code] = await once(child, 'exit')
  const took = performance.now() - began
  t.is(code, 0)
  t.true(took < 25_000, `it took ${took} ms`)
  const rows = await world.sql<{ status: string }>('SELECT DISTINCT status FROM emails')
  t.deepEqual(rows, [{ status: 'queued' }], 'the emails are still queued')
  t.is(sink.caught.length, 0)
})
