import { spawn } from 'node:child_process'
import { once } from 'node:events'
import anyTest from 'ava'
import { onFreePort } from '../../src/local/free-port.ts'
import { common, program, startNode, urlOf } from './redis-nodes.ts'

const test = program ? anyTest : anyTest.skip

// Its map of slots is asked for over connections of their own: what opens one then leaves.
const script = `
  const { openRedis } = await import(process.argv[1])
  const { openLog } = await import(process.argv[2])
  const cluster = openRedis(process.argv[3], openLog('test', 'silent'), 3000)
  cluster.options.slotsRefreshInterval = 50
  let isReady = false
  cluster.once('ready', () => { isReady = true })
  const ask = cluster.getInfoFromNode.bind(cluster)
  cluster.getInfoFromNode = (...args) => {
    ask(...args)
    if (isReady) {
      console.log('left')
      cluster.disconnect()
    }
  }`

test('a cluster that is left while it asks for the map of its slots lets the process end', async t => {
  const lines = (busPort: number) => (port: number) => [
    ...common(port),
    'cluster-enabled yes',
    `cluster-port ${busPort}`,
    'cluster-announce-ip 127.0.0.1',
  ]
  await using node = await onFreePort(undefined, busPort => startNode({ lines: lines(busPort) }))
  await node.admin.cluster('ADDSLOTSRANGE', 0, 16_383)

  const url = urlOf(node.port).replace('redis:', 'redis+cluster:')
  const [redis, log] = ['storage/redis.ts', 'base/log.ts'].map(
    file => new URL(`../../src/${file}`, import.meta.url).pathname,
  )
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, redis ?? '', log ?? '', url], {
    timeout: 40_000,
    killSignal: 'SIGKILL',
  })
  const said: string[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => said.push(String(chunk)))
  const ended = await once(child, 'close')
  t.deepEqual(said, ['left\n'])
  t.deepEqual(ended, [0, null])
})
