import { onFreePort } from '../../src/platform/base/free-port.ts'
import { formCluster } from '../private-cluster.ts'
import { common, type Node, password, startNode, urlOf } from './redis-nodes.ts'

export type OwnCluster = AsyncDisposable & {
  url: string
  /** Three masters, and a replica of the first. A failover may change their roles. */
  nodes: Node[]
  /** The master that has a replica, and that replica. A failover swaps the two. */
  pair: () => Promise<[master: Node, replica: Node]>
  slotOf: (key: string) => Promise<number>
  /** The node that serves a slot, according to the running nodes. */
  ownerOf: (slot: number) => Promise<Node>
}

type Range = [number, number, [string, number, string], ...unknown[]]

/** Starts a cluster for one test file. Its nodes can be killed: they write each change to disk before they answer. */
export const startOwnCluster = async (): Promise<OwnCluster> => {
  await using opened = new AsyncDisposableStack()
  const nodes: (Node & { busPort: number })[] = []
  const lines = (busPort: number) => (port: number) => [
    ...common(port),
    'cluster-enabled yes',
    `cluster-port ${busPort}`,
    'cluster-node-timeout 2000',
    'cluster-require-full-coverage no',
    'appendonly yes',
    'appendfsync always',
  ]
  for (let count = 0; count < 4; count++) {
    const started = await onFreePort(undefined, async busPort => ({
      busPort,
      node: opened.use(await startNode({ lines: lines(busPort) })),
    }))
    nodes.push(Object.assign(started.node, { busPort: started.busPort }))
  }
  await formCluster(nodes, password, 3)

  const askAnyNode = async <T>(ask: (node: Node) => Promise<T>): Promise<T> =>
    Promise.any(
      nodes.map(node =>
        node.admin.status === 'ready' ? ask(node) : Promise.reject(new Error('the node is down')),
      ),
    )
  const slotOf = async (key: string) => Number(await askAnyNode(({ admin }) => admin.cluster('KEYSLOT', key)))
  const ownerOf = async (slot: number): Promise<Node> => {
    const ranges = (await askAnyNode(({ admin }) => admin.cluster('SLOTS'))) as unknown as Range[]
    const range = ranges.find(([from, to]) => from <= slot && slot <= to)
    const owner = nodes.find(({ port }) => port === range?.[2][1])
    if (!owner) throw new Error(`No node serves slot ${slot}`)
    return owner
  }
  const pair = async (): Promise<[Node, Node]> => {
    const [first, , , last] = nodes
    if (!first || !last) throw new Error('no nodes')
    const [role] = await first.admin.role()
    return role === 'master' ? [first, last] : [last, first]
  }
  const all = opened.move()
  const url = nodes
    .slice(0, 3)
    .map(({ port }) => urlOf(port))
    .join(',')
  return { url, nodes, pair, slotOf, ownerOf, [Symbol.asyncDispose]: () => all.disposeAsync() }
}

type Id = string

const idOf = async ({ admin }: Node): Promise<Id> => String(await admin.cluster('MYID'))

/** Moves a slot to another node key by key, as operators do. Calls `between` after each key. */
export const moveSlot = async (
  slot: number,
  from: Node,
  to: Node,
  between: () => Promise<void>,
): Promise<void> => {
  const [fromId, toId] = [await idOf(from), await idOf(to)]
  await to.admin.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId)
  await from.admin.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId)
  await between()
  const keys = (await from.admin.call('CLUSTER', 'GETKEYSINSLOT', slot, 1000)) as string[]
  for (const key of keys) {
    const target = ['127.0.0.1', to.port, '', 0, 5000, 'AUTH', password, 'KEYS', key]
    await from.admin.call('MIGRATE', ...target)
    await between()
  }
  for (const { admin } of [to, from]) await admin.call('CLUSTER', 'SETSLOT', slot, 'NODE', toId)
}
