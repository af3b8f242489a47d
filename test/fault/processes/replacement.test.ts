import test from 'ava'
import { anAccount } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { openProxy } from '../../proxy.ts'
import { until } from '../../until.ts'
import {
  ask,
  type ClientLog,
  isAlive,
  keepAsking,
  openProcessGroup,
  type ProcessGroup,
} from './process-group.ts'

const world = await openLocalWorld()
test.after.always(() => world[Symbol.asyncDispose]())

/** Runs six clients during `act`, and for 60 answers before and after it. */
const during = async (group: ProcessGroup, act: () => Promise<void>): Promise<ClientLog[]> => {
  const { access } = await anAccount(world.client)
  let over = false
  const all = Array.from({ length: 6 }, () => keepAsking(group.url, access, () => over))
  const more = async (count: number) => {
    const target = group.logged('"request"').length + count
    await until(`${count} more requests`, () => group.logged('"request"').length >= target)
  }
  try {
    await more(60)
    await act()
    await more(60)
  } finally {
    over = true
  }
  return Promise.all(all)
}

test('one of two processes is killed → it is replaced, and no request to the other fails', async t => {
  await using group = await openProcessGroup(world)
  const [killed = 0, other = 0] = await group.pids()
  const clients = await during(group, async () => {
    process.kill(killed, 'SIGKILL')
    t.false((await group.pids()).includes(killed))
  })
  for (const { after, error } of clients.flatMap(({ failed }) => failed))
    if (after) t.not(await group.pidOf(after.id), other, error)
  for (const { answers } of clients) t.true(answers.every(({ status }) => status === 200))
  t.like(group.logged('exited unexpectedly and is replaced')[0], {
    child: killed,
    signal: 'SIGKILL',
    level: 'error',
  })
  t.is(group.logged('"listening"').length, 1)
})

test('SIGTERM to one of two processes → it is replaced before it exits, and no request fails', async t => {
  await using group = await openProcessGroup(world)
  const [stopped = 0, other = 0] = await group.pids()
  const unready: number[] = []
  const clients = await during(group, async () => {
    process.kill(stopped, 'SIGTERM')
    // The other process serves the port, so a balancer must keep this instance.
    await until('it to exit', async () => {
      const { status = 0 } = await ask(group.url, '/readyz')
      if (status !== 200) unready.push(status)
      return !isAlive(stopped)
    })
    t.true((await group.pids()).includes(other))
  })
  t.deepEqual(
    clients.flatMap(({ failed }) => failed),
    [],
  )
  for (const { answers } of clients) t.true(answers.every(({ status }) => status === 200))
  t.deepEqual(unready, [])
  t.is(group.logged('is ending and is replaced').length, 1)
  t.deepEqual(group.logged('"level":"error"'), [])
})

test('a killed process cannot restart while Postgres is down → retries at growing intervals', async t => {
  const { hostname, port } = new URL(world.config.DATABASE_URL)
  await using proxy = await openProxy(hostname, Number(port || '5432'))
  await using group = await openProcessGroup(world, {
    DATABASE_URL: proxy.through(world.config.DATABASE_URL),
  })
  const [killed = 0, other = 0] = await group.pids()
  proxy.cut()
  process.kill(killed, 'SIGKILL')
  await until('two starts to fail', () => group.logged('cannot start').length >= 2, 50_000)
  const [first, second] = group.logged('cannot start').map(({ time }) => Date.parse(String(time)))
  t.true(Number(second) - Number(first) >= 500, 'the interval and the time of a start')
  t.is((await ask(group.url, '/livez')).status, 200)
  proxy.heal()
  t.true((await group.pids()).includes(other))
})
