import { once } from 'node:events'
import { request } from 'node:http'
import test from 'ava'
import { anAccount } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { until } from '../../until.ts'
import { aCrew, type Crew, isGone, keepAsking } from './crew.ts'

const world = await openLocalWorld()
test.after.always(() => world[Symbol.asyncDispose]())

const clients = async (crew: Crew, count = 6) => {
  const { access } = await anAccount(world.client)
  return Promise.all(
    Array.from({ length: count }, () => keepAsking(crew.url, access, last => last?.closes === true)),
  )
}

for (const signal of ['SIGTERM', 'SIGINT'] as const)
  test(`${signal} under load: every process drains as a lone one does, and no request fails`, async t => {
    await using crew = await aCrew(world)
    const pids = await crew.pids()
    const asking = clients(crew)
    await until('the load to be felt', () => crew.said('"request"').length > 60)

    const ended = once(crew.child, 'exit')
    // As a terminal does on Ctrl-C, or a supervisor that ends all of a group.
    for (const pid of [Number(crew.child.pid), ...pids]) process.kill(pid, signal)
    const seen = new Set<number>()
    await until('both to say that they drain', async () => {
      const reply = await fetch(`${crew.url}/readyz`, { headers: { connection: 'close' } })
      const { status } = (await reply.json()) as { status: string }
      if (reply.status === 503 && status === 'draining')
        seen.add(await crew.whoAnswered(reply.headers.get('x-request-id') ?? ''))
      return seen.size === 2
    })
    for (const { answers, failed } of await asking) {
      t.deepEqual(failed, [])
      t.true(answers.every(({ status }) => status === 200))
    }
    t.deepEqual(await ended, [0, null])
    await Promise.all(pids.map(isGone))
    t.is(crew.said('"closed"').length, 1)
    t.deepEqual(crew.said('"level":"error"'), [])
    await t.throwsAsync(fetch(`${crew.url}/livez`))
  })

test('a second signal ends all at once', async t => {
  await using crew = await aCrew(world)
  const pids = await crew.pids()
  const ended = once(crew.child, 'exit')
  // Its body never comes: whoever drains waits 30 s for it.
  const slow = request(`${crew.url}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'content-length': '100' },
  })
  slow.write('{')
  let isCut = false
  slow.on('error', () => {
    isCut = true
  })
  await once(slow, 'socket')
  crew.child.kill('SIGTERM')
  await until('the first to be heard', () => crew.said('"closing"').length > 0)
  crew.child.kill('SIGTERM')
  t.deepEqual(await ended, [1, null])
  await until('the request to be cut', () => isCut)
  await Promise.all(pids.map(isGone))
})

test('a primary that is killed leaves no process, and what was in flight is answered', async t => {
  await using crew = await aCrew(world)
  const pids = await crew.pids()
  const asking = clients(crew)
  await until('the load to be felt', () => crew.said('"request"').length > 60)
  crew.child.kill('SIGKILL')
  for (const { answers, failed } of await asking) {
    t.deepEqual(failed, [])
    t.true(answers.every(({ status }) => status === 200))
  }
  await Promise.all(pids.map(isGone))
  await t.throwsAsync(fetch(`${crew.url}/livez`))
})
