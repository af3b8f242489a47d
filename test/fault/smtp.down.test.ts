import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import test from 'ava'
import { onFreePort } from '../../src/platform/base/free-port.ts'
import { timeouts } from '../../src/platform/config/timeouts.ts'
import { openLocalWorld } from '../local-world.ts'
import { openMailSink } from '../mail-sink.ts'
import { until } from '../until.ts'
import { brokenInvariants } from './invariants.ts'
import { type Answer, startCrowd } from './traffic.ts'

// Nobody listens where the mail server should: connections are refused. Later it is back at that very port.

const sink = await openMailSink()
const callers = new Set<Socket>()
const door = createServer(socket => {
  const server = connect(Number(new URL(sink.url).port), '127.0.0.1')
  socket.pipe(server).pipe(socket)
  for (const each of [socket, server]) each.on('error', () => socket.destroy())
  callers.add(socket.on('close', () => callers.delete(socket)))
})
const port = await onFreePort(undefined, async free => {
  door.listen(free, '127.0.0.1')
  await once(door, 'listening')
  return free
})
const world = await openLocalWorld({
  timeouts,
  worker: true,
  env: { SMTP_URL: `smtp://127.0.0.1:${port}` },
})
test.after.always(async () => {
  await world[Symbol.asyncDispose]()
  door.close()
  await sink[Symbol.asyncDispose]()
})

const median = (answers: Answer[]): number =>
  answers.map(({ ms }) => ms).sort((a, b) => a - b)[answers.length >> 1] ?? Number.NaN

test('while the mail server is down the API answers as fast as ever, and later every mail is sent', async t => {
  const { sql } = world
  await using crowd = await startCrowd({ sql, mails: sink }, { urls: [world.url] })
  await crowd.served(120)
  const downAt = Date.now()
  door.close()
  for (const caller of callers) caller.destroy()
  await crowd.served(200)
  await until('mails that were refused', async () => {
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
  t.is((await world.client.get('/readyz')).status, 200, 'mail is no reason to take nobody')

  door.listen(port, '127.0.0.1')
  await crowd.stop()
  // No fault is told of: not one answer may have been other than well.
  t.deepEqual(await brokenInvariants(crowd), [])
  const asked = (route: string) => {
    const all = crowd.answers.filter(answer => answer.who === 'honest' && answer.route === route)
    const [before, after] = [all.filter(({ at }) => at < downAt), all.filter(({ at }) => at >= downAt)]
    t.true(after.length >= 5, `${route} was asked for ${after.length} times`)
    return { before: median(before), after: median(after) }
  }
  // By how much this machine itself is slower then: nobody is mailed who asks for this.
  const me = asked('me')
  const slower = Math.max(1, me.after / Math.max(1, me.before))
  for (const route of ['register', 'forgot-password']) {
    const { before, after } = asked(route)
    t.true(after < slower * (3 * before + 100), `${route}: ${before} ms, then ${after} ms`)
  }
})
