import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { basename } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { openDataDir } from '../src/dev-services/data-dir.ts'
import { runRedis, urlOf } from '../src/dev-services/private-redis.ts'
import type { Server } from '../src/dev-services/server-process.ts'
import { onFreePort } from '../src/platform/base/free-port.ts'

export type ClusterNode = { port: number; busPort: number }

const slotsInAll = 16_384
const timeoutMs = 30_000

/** The state and the number of known nodes in `CLUSTER INFO`. */
const infoOf = async (node: Redis): Promise<{ ok: boolean; known: number }> => {
  const info = String(await node.cluster('INFO'))
  return {
    ok: info.includes('cluster_state:ok'),
    known: Number(/cluster_known_nodes:(\d+)/.exec(info)?.[1]),
  }
}

const untilTrue = async (what: string, ask: () => Promise<boolean>): Promise<void> => {
  for (const deadline = Date.now() + timeoutMs; !(await ask()); await sleep(50))
    if (Date.now() > deadline) throw new Error(`The cluster is not ready: ${what}`)
}

/**
 * Forms a cluster of separate servers on 127.0.0.1. The first `masters` of them share the slots, and each other server
 * replicates one of these. Resolves when all nodes agree.
 */
export const formCluster = async (
  nodes: ClusterNode[],
  password: string,
  masters = nodes.length,
): Promise<void> => {
  await using opened = new AsyncDisposableStack()
  const clients = nodes.map(({ port }) => {
    const client = new Redis({ port, host: '127.0.0.1', password })
    client.on('error', () => {})
    opened.defer(() => client.disconnect())
    return client
  })
  const [first, ...others] = clients
  if (!first) throw new Error('A cluster needs a node')
  for (const [index, client] of clients.entries()) {
    await client.cluster('SET-CONFIG-EPOCH', index + 1)
    if (index >= masters) continue
    const from = Math.floor((index * slotsInAll) / masters)
    await client.cluster('ADDSLOTSRANGE', from, Math.floor(((index + 1) * slotsInAll) / masters) - 1)
  }
  for (const { port, busPort } of nodes.slice(1))
    await first.call('CLUSTER', 'MEET', '127.0.0.1', port, busPort)
  const agreed = async () => {
    const infos = await Promise.all(clients.map(infoOf))
    return infos.every(({ ok, known }) => ok && known === nodes.length)
  }
  await untilTrue('its nodes do not agree', agreed)
  for (const [index, follower] of others.slice(masters - 1).entries()) {
    const master = clients[index % masters]
    await follower.cluster('REPLICATE', String(await master?.cluster('MYID')))
    await untilTrue('a replica does not follow', async () =>
      String(await follower.info('replication')).includes('master_link_status:up'),
    )
  }
}

const startNode = async (program: string, password: string): Promise<ClusterNode & AsyncDisposable> => {
  await using stack = new AsyncDisposableStack()
  const dataDir = await openDataDir('test', 'redis')
  stack.defer(() => rm(dataDir.base, { recursive: true, force: true }))
  // The default bus port is 10,000 above the client port and may exceed 65,535.
  const { child, port, busPort } = await onFreePort(undefined, async busPort => {
    const lines = ['cluster-enabled yes', `cluster-port ${busPort}`, `masterauth ${password}`]
    return { busPort, ...(await runRedis(dataDir, program, { password }, lines)) }
  })
  stack.use(child)
  const kept = stack.move()
  return { port, busPort, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

/** Starts a private cluster of three masters on 127.0.0.1, without persistence. */
export const startPrivateCluster = async (program: string): Promise<Server> => {
  await using stack = new AsyncDisposableStack()
  const password = randomBytes(24).toString('base64url')
  const started = await Promise.allSettled([1, 2, 3].map(() => startNode(program, password)))
  const nodes = started.flatMap(each => (each.status === 'fulfilled' ? [stack.use(each.value)] : []))
  for (const each of started) if (each.status === 'rejected') throw each.reason
  await formCluster(nodes, password)
  const kept = stack.move()
  return {
    url: nodes.map(({ port }) => urlOf(password, port)).join(','),
    description: `private cluster of ${basename(program)} on ports ${nodes.map(({ port }) => port).join(', ')}, removed at the end`,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}
