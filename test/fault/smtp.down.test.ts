import test from 'ava'
import { defaultTimeouts as timeouts } from '../../src/platform/config/timeouts.ts'
import { brokenInvariants } from '../chaos/invariants.ts'
import { startLoad } from '../chaos/load.ts'
import { openMovableAddress } from '../chaos/movable-address.ts'
import type { Answer } from '../chaos/recorder.ts'
import { openLocalWorld } from '../local-world.ts'
import { openMailSink } from '../mail-sink.ts'
import { until } from '../until.ts'

// The mail server is down: connections to its port are refused. Later it listens on the same port again.

const sink = await openMailSink()
const address = await openMovableAddress(sink.url)
const world = await openLocalWorld({
  timeouts,
  worker: true,
  env: { SMTP_URL: address.through(sink.url) },
})
test.after.always(async () => {
  await world[Symbol.asyncDispose]()
  await address[Symbol.asyncDispose]()
  await sink[Symbol.asyncDispose]()
})

const median = (answers: Answer[]): number =>
  answers.map(({ ms }) => ms).sort((a, b) => a - b)[answers.length >> 1] ?? Number.NaN

test('the mail server is down under load → the API is as fast as before, and every email is sent later', async t => {
  const { sql } = world
  await using load = await startLoad({ sql, mails: sink }, { urls: [world.url] })
  await load.served(120)
  const downAt = Date.now()
  await address.close()
  await load.served(200)
  await until('ten emails that could not be sent', async () => {
    const refused = await sql('SELECT 1 FROM emails WHERE last_error IS NOT NULL')
    return refused.length >= 10
  })
  const rows = await sql<{ status: string; last_error: string }>(
    'SELECT DISTINCT status, last_error FROM emails WHERE last_error IS NOT NULL',
  )
  for (const { status, last_error } of rows) {
    t.is(status, 'queued')
    t.regex(last_error, /^(?:ESOCKET|ECONNECTION)(?:, perhaps delivered)?$/)
  }
  t.is((await world.client.get('/readyz')).status, 200, 'the API stays ready without a mail server')

  await address.reopen()
  await load.stop()
  // No fault was declared to the load, so a single failed answer breaks an invariant.
  t.deepEqual(await brokenInvariants(load), [])
  const medians = (route: string) => {
    const all = load.answers.filter(answer => answer.actor === 'honest' && answer.route === route)
    const [before, after] = [all.filter(({ at }) => at < downAt), all.filter(({ at }) => at >= downAt)]
    t.true(after.length >= 5, `${route} was requested ${after.length} times`)
    return { before: median(before), after: median(after) }
  }
  // GET /me sends no email, so its times show how much slower the machine itself became.
  const me = medians('me')
  const slower = Math.max(1, me.after / Math.max(1, me.before))
  for (const route of ['register', 'forgot-password']) {
    const { before, after } = medians(route)
    t.true(after < slower * (3 * before + 100), `${route}: ${before} ms, then ${after} ms`)
  }
})
