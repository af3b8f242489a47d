import test from 'ava'
import { onFreePort } from '../../../src/platform/base/free-port.ts'
import { anAccount } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { until } from '../../until.ts'
import { aCrew, ask } from './crew.ts'

const world = await openLocalWorld()
test.after.always(() => world[Symbol.asyncDispose]())

test.serial('each process answers at the one port, and they are one service', async t => {
  await using crew = await aCrew(world)
  const [listening, ...more] = crew.said('"listening"')
  t.like(listening, { process: 'api', level: 'info', processes: 2, url: world.config.PUBLIC_URL })
  t.deepEqual(more, [])
  const pids = await crew.pids()
  t.false(pids.includes(Number(crew.child.pid)), 'the primary answers nothing')

  // What one has begun the other knows, and what one has ended the other refuses.
  const { access } = await anAccount(crew.client)
  const answers = async () => {
    const by = new Map<number, number | undefined>()
    await until('both to answer', async () => {
      const { status, id } = await ask(crew.url, '/api/v1/auth/me', access)
      by.set(await crew.whoAnswered(id), status)
      return by.size === 2
    })
    return [...by.values()]
  }
  t.deepEqual(await answers(), [200, 200])
  t.is((await crew.client.post('logout', undefined, { token: access })).status, 204)
  t.deepEqual(await answers(), [401, 401])
})

test.serial('metrics are those of all processes, also of one that is gone', async t => {
  const opened = await onFreePort(undefined, async port => ({
    port,
    crew: await aCrew(world, { METRICS_PORT: String(port) }),
  }))
  const { port } = opened
  await using crew = opened.crew
  const text = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  const samples = async (line: RegExp) =>
    [...(await text()).matchAll(line)].map(([, value]) => Number(value)).sort()
  const livez = /^latchkey_http_requests_total\{method="GET",route="\/livez",status="200"\} (\d+)$/gm
  const timed = /^latchkey_http_request_seconds_count\{route="\/livez"\} (\d+)$/gm

  const [pid] = await crew.pids()
  for (let i = 0; i < 20; i++) await crew.whoAnswered((await ask(crew.url, '/livez')).id)
  const asked = crew.said('"/livez"').length
  t.true(asked >= 22)
  t.deepEqual(await samples(livez), [asked])
  t.deepEqual(await samples(timed), [asked])

  // A mail that is owed is owed once, however many processes say so.
  await anAccount(world.client)
  await anAccount(world.client)
  const [owed] = await world.sql<{ count: string }>(`SELECT count(*) FROM emails WHERE status = 'queued'`)
  t.deepEqual(await samples(/^latchkey_mails_unsent (\d+)$/gm), [Number(owed?.count)])
  t.deepEqual(await samples(/^latchkey_passwords_waiting (\d+)$/gm), [0])
  // What belongs to a process is told process by process.
  t.deepEqual(await samples(/^process_resident_memory_bytes\{process="(\d)"\} [1-9]\d+$/gm), [1, 2])
  t.deepEqual(await samples(/^nodejs_version_info\{.*process="(\d)"\} 1$/gm), [1, 2])
  t.is(
    (await text()).match(/^# HELP latchkey_http_requests_total /gm)?.length,
    1,
    'each metric is described once',
  )

  process.kill(pid ?? 0, 'SIGKILL')
  await until('it to be missed', () => crew.said('has ended and is replaced').length > 0)
  t.deepEqual(await samples(livez), [asked])
  await crew.pids()
  t.deepEqual(await samples(livez), [crew.said('"/livez"').length])
})
