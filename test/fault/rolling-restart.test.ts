import { once } from 'node:events'
import test from 'ava'
import { defaultTimeouts as timeouts } from '../../src/platform/config/timeouts.ts'
import { openBalancer } from '../chaos/balancer.ts'
import { brokenInvariants } from '../chaos/invariants.ts'
import { startLoad } from '../chaos/load.ts'
import { anApi } from '../chaos/processes.ts'
import { openLocalWorld } from '../local-world.ts'
import { until } from '../until.ts'

const world = await openLocalWorld({ timeouts, worker: true })
test.after.always(() => world[Symbol.asyncDispose]())

test('both instances behind a balancer are replaced under load → no request fails or is put off', async t => {
  await using balancer = await openBalancer()
  const apis = await Promise.all([anApi(world), anApi(world)])
  const urls = () => apis.map(({ url }) => url)
  const bothReady = () =>
    until('both instances to be ready', () => urls().every(url => balancer.ready().includes(url)), 50_000)
  balancer.setInstances(urls())
  await bothReady()

  await using load = await startLoad(world, { urls: [balancer.url], honest: 8, restMs: 40 })
  await load.served(50)
  for (const i of [0, 1]) {
    const old = apis[i]
    if (!old) continue
    const ended = once(old.child, 'exit')
    old.child.kill('SIGTERM')
    t.deepEqual(await ended, [0, null])
    t.false(balancer.ready().includes(old.url), 'the balancer had stopped using it')
    await load.served(20)
    apis[i] = await anApi(world)
    balancer.setInstances(urls())
    await bothReady()
    await load.served(20)
  }
  await load.stop()
  t.deepEqual(balancer.errors, [])
  // No fault was declared to the load, so a single 503 breaks an invariant.
  t.deepEqual(await brokenInvariants(load), [])
})
