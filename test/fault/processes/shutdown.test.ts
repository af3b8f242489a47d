import { once } from 'node:events'
import { request } from 'node:http'
import test from 'ava'
import { anAccount } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { until } from '../../until.ts'
import { isGone, keepAsking, openProcessGroup, type ProcessGroup } from './process-group.ts'

const world = await openLocalWorld()
test.after.always(() => world[Symbol.asyncDispose]())

const startClients = async (group: ProcessGroup, count = 6) => {
  const { access } = await anAccount(world.client)
  return Promise.all(
    Array.from({ length: count }, () => keepAsking(group.url, access, last => last?.closes === true)),
  )
}

for (const signal of ['SIGTERM', 'SIGINT'] as const)
  test(`${signal} to every process under load → each drains and exits, and no request fails`, async t => {
    await using group = await openProcessGroup(world)
    const pids = await group.pids()
    const asking = startClients(group)
    await until('60 requests to be answered', () => group.logged('"request"').length > 60)

    const ended = once(group.child, 'exit')
    // Like a terminal on Ctrl-C, or a supervisor that signals every process of a group.
    for (const pid of [Number(group.child.pid), ...pids]) process.kill(pid, signal)
    const seen = new Set<number>()
    await until('both to report draining', async () => {
      const reply = await fetch(`${group.url}/readyz`, { headers: { connection: 'close' } })
      const { status } = (await reply.json()) as { status: string }
      if (reply.status !== 503 || status !== 'draining') return false
      const pid = await group.pidOf(reply.headers.get('x-request-id') ?? '')
      if (pid) seen.add(pid)
      return seen.size === 2
    })
    for (const { answers, failed } of await asking) {
      t.deepEqual(failed, [])
      t.true(answers.every(({ status }) => status === 200))
    }
    t.deepEqual(await ended, [0, null])
    await Promise.all(pids.map(isGone))
    t.is(group.logged('"closed"').length, 1)
    t.deepEqual(group.logged('"level":"error"'), [])
    await t.throwsAsync(fetch(`${group.url}/livez`))
  })

test('a second SIGTERM while a request is open → every process exits at once', async t => {
  await using group = await openProcessGroup(world)
  const pids = await group.pids()
  const ended = once(group.child, 'exit')
  // Its body is never sent: a draining process waits 30 s for it.
  const slow = request(`${group.url}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': '100' },
  })
  slow.write('{')
  let isCut = false
  slow.on('error', () => {
    isCut = true
  })
  await once(slow, 'socket')
  group.child.kill('SIGTERM')
  await until('the first signal to be handled', () => group.logged('"closing"').length > 0)
  group.child.kill('SIGTERM')
  t.deepEqual(await ended, [1, null])
  await until('the request to be cut', () => isCut)
  await Promise.all(pids.map(isGone))
})

test('the primary is killed under load → open requests are answered, and every process exits', async t => {
  await using group = await openProcessGroup(world)
  const pids = await group.pids()
  const asking = startClients(group)
  await until('60 requests to be answered', () => group.logged('"request"').length > 60)
  group.child.kill('SIGKILL')
  for (const { answers, failed } of await asking) {
    t.deepEqual(failed, [])
    t.true(answers.every(({ status }) => status === 200))
  }
  await Promise.all(pids.map(isGone))
  await t.throwsAsync(fetch(`${group.url}/livez`))
})
