import { once } from 'node:events'
import test from 'ava'
import { timeouts } from '../../src/platform/config/timeouts.ts'
import { openLocalWorld } from '../local-world.ts'
import { until } from '../until.ts'
import { openBalancer } from './balancer.ts'
import { brokenInvariants } from './invariants.ts'
import { anApi } from './processes.ts'
import { startCrowd } from './traffic.ts'

const world = await openLocalWorld({ timeouts, worker: true })
test.after.always(() => world[Symbol.asyncDispose]())

test('both instances behind a balancer are replaced under load, and nobody notices', async t => {
  await using balancer = await openBalancer()
  const apis = await Promise.all([anApi(world), anApi(world)])
  const urls = () => apis.map(({ url }) => url)
  const bothReady = () =>
    until('both to be ready', () => urls().every(url => balancer.ready().includes(url)), 50_000)
  balancer.members(urls())
  await bothReady()

  await using crowd = await startCrowd(world, { urls: [balancer.url], honest: 8, pace: 40 })
  await crowd.served(50)
  for (const i of [0, 1]) {
    const old = apis[i]
    if (!old) continue
    const ended = once(old.child, 'exit')
    old.child.kill('SIGTERM')
    t.deepEqual(await ended, [0, null])
    t.false(balancer.ready().includes(old.url), 'the balancer had turned elsewhere')
    await crowd.served(20)
    apis[i] = await anApi(world)
    balancer.members(urls())
    await bothReady()
    await crowd.served(20)
  }
  await crowd.stop()
  t.deepEqual(balancer.faults, [])
  // No fault is told of: not one request may have failed, nor been put off.
  t.deepEqual(await brokenInvariants(crowd), [])
})
