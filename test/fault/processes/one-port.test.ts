import test from 'ava'
import { onFreePort } from '../../../src/platform/base/free-port.ts'
import { anAccount } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { until } from '../../until.ts'
import { ask, openProcessGroup } from './process-group.ts'

const world = await openLocalWorld()
test.after.always(() => world[Symbol.asyncDispose]())

test.serial('two processes share a port → both answer, and both know what the other has done', async t => {
  await using group = await openProcessGroup(world)
  const [listening, ...more] = group.logged('"listening"')
  t.like(listening, { process: 'api', level: 'info', processes: 2, url: world.config.PUBLIC_URL })
  t.deepEqual(more, [])
  const pids = await group.pids()
  t.false(pids.includes(Number(group.child.pid)), 'the primary answers no request')

  // Both accept a session that one began, and both refuse it once it ended.
  const { access } = await anAccount(group.client)
  const answers = async () => {
    const by = new Map<number, number | undefined>()
    await until('both to answer', async () => {
      const { status, id } = await ask(group.url, '/api/v1/auth/me', access)
      const pid = await group.pidOf(id)
      if (pid) by.set(pid, status)
      return by.size === 2
    })
    return [...by.values()]
  }
  t.deepEqual(await answers(), [200, 200])
  t.is((await group.client.post('logout', undefined, { token: access })).status, 204)
  t.deepEqual(await answers(), [401, 401])
})

test.serial('metrics of two processes → counts of both, also after one was killed', async t => {
  const opened = await onFreePort(undefined, async port => ({
    port,
    group: await openProcessGroup(world, { METRICS_PORT: String(port) }),
  }))
  const { port } = opened
  await using group = opened.group
  const text = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  const samples = async (line: RegExp) =>
    [...(await text()).matchAll(line)].map(([, value]) => Number(value)).sort()
  const livez = /^latchkey_http_requests_total\{method="GET",route="\/livez",status="200"\} (\d+)$/gm
  const timed = /^latchkey_http_request_seconds_count\{route="\/livez"\} (\d+)$/gm

  const [pid] = await group.pids()
  for (let i = 0; i < 20; i++) await group.pidOf((await ask(group.url, '/livez')).id)
  const asked = group.logged('"/livez"').length
  t.true(asked >= 22)
  t.deepEqual(await samples(livez), [asked])
  t.deepEqual(await samples(timed), [asked])

  // The number of queued emails is not added up over the processes.
  await anAccount(world.client)
  await anAccount(world.client)
  const [queued] = await world.sql<{ count: string }>(`SELECT count(*) FROM emails WHERE status = 'queued'`)
  t.deepEqual(await samples(/^latchkey_mails_unsent (\d+)$/gm), [Number(queued?.count)])
  t.deepEqual(await samples(/^latchkey_passwords_waiting (\d+)$/gm), [0])
  // Memory and version are reported for each process.
  t.deepEqual(await samples(/^process_resident_memory_bytes\{process="(\d)"\} [1-9]\d+$/gm), [1, 2])
  t.deepEqual(await samples(/^nodejs_version_info\{.*process="(\d)"\} 1$/gm), [1, 2])
  t.is(
    (await text()).match(/^# HELP latchkey_http_requests_total /gm)?.length,
    1,
    'each metric is described once',
  )

  process.kill(pid ?? 0, 'SIGKILL')
  await until('its exit to be logged', () => group.logged('exited unexpectedly and is replaced').length > 0)
  t.deepEqual(await samples(livez), [asked])
  await group.pids()
  t.deepEqual(await samples(livez), [group.logged('"/livez"').length])
})
