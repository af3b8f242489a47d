import test from 'ava'
import { anAccount } from '../../fixtures.ts'
import { openLocalWorld } from '../../local-world.ts'
import { openProxy } from '../../proxy.ts'
import { until } from '../../until.ts'
import { aCrew, ask, type Crew, isAlive, keepAsking, type Met } from './crew.ts'

const world = await openLocalWorld()
test.after.always(() => world[Symbol.asyncDispose]())

/** Clients that ask while something is done, and until all have been answered a little more. */
const during = async (crew: Crew, act: () => Promise<void>): Promise<Met[]> => {
  const { access } = await anAccount(world.client)
  let over = false
  const all = Array.from({ length: 6 }, () => keepAsking(crew.url, access, () => over))
  const more = async (count: number) => {
    const target = crew.said('"request"').length + count
    await until(`${count} requests more`, () => crew.said('"request"').length >= target)
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

test('a process that is killed is replaced, and no request to another fails', async t => {
  await using crew = await aCrew(world)
  const [killed = 0, other = 0] = await crew.pids()
  const met = await during(crew, async () => {
    process.kill(killed, 'SIGKILL')
    t.false((await crew.pids()).includes(killed))
  })
  for (const { after, error } of met.flatMap(({ failed }) => failed))
    if (after) t.not(await crew.whoAnswered(after.id), other, error)
  for (const { answers } of met) t.true(answers.every(({ status }) => status === 200))
  t.like(crew.said('has ended and is replaced')[0], { child: killed, signal: 'SIGKILL', level: 'error' })
  t.is(crew.said('"listening"').length, 1)
})

test('a process that is told to end by itself is replaced before it does, and no request fails', async t => {
  await using crew = await aCrew(world)
  const [told = 0, other = 0] = await crew.pids()
  const unready: number[] = []
  const met = await during(crew, async () => {
    process.kill(told, 'SIGTERM')
    // Others serve the port: a balancer has no reason to turn elsewhere.
    await until('it to be gone', async () => {
      const { status = 0 } = await ask(crew.url, '/readyz')
      if (status !== 200) unready.push(status)
      return !isAlive(told)
    })
    t.true((await crew.pids()).includes(other))
  })
  t.deepEqual(
    met.flatMap(({ failed }) => failed),
    [],
  )
  for (const { answers } of met) t.true(answers.every(({ status }) => status === 200))
  t.deepEqual(unready, [])
  t.is(crew.said('ends and is replaced').length, 1)
  t.deepEqual(crew.said('"level":"error"'), [])
})

test('a process whose successor cannot start is replaced when one can, after rests that grow', async t => {
  const { hostname, port } = new URL(world.config.DATABASE_URL)
  await using proxy = await openProxy(hostname, Number(port || '5432'))
  await using crew = await aCrew(world, { DATABASE_URL: proxy.through(world.config.DATABASE_URL) })
  const [killed = 0, other = 0] = await crew.pids()
  proxy.cut()
  process.kill(killed, 'SIGKILL')
  await until('two to fail', () => crew.said('cannot start').length >= 2, 50_000)
  const [first, second] = crew.said('cannot start').map(({ time }) => Date.parse(String(time)))
  t.true(Number(second) - Number(first) >= 500, 'a rest, and what a start takes')
  t.is((await ask(crew.url, '/livez')).status, 200)
  proxy.heal()
  t.true((await crew.pids()).includes(other))
})
