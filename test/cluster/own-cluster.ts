import { onFreePort } from '../../src/platform/base/free-port.ts'
import { formCluster } from '../private-cluster.ts'
import { common, type Node, password, startNode, urlOf } from './redis-nodes.ts'

export type OwnCluster = AsyncDisposable & {
  url: string
  /** Three masters; the last follows the first of them, at the start. */
  nodes: Node[]
  /** The master that has a replica, and that one: a node that is away for long swaps the two. */
  pair: () => Promise<[master: Node, replica: Node]>
  slotOf: (key: string) => Promise<number>
  /** Who serves a slot, as the nodes that live agree. */
  ownerOf: (slot: number) => Promise<Node>
}

type Range = [number, number, [string, number, string], ...unknown[]]

/** Starts a cluster for one test file, of nodes that can be killed: they keep on disk what they have answered. */
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

  const askAnyone = async <T>(ask: (node: Node) => Promise<T>): Promise<T> =>
    Promise.any(
      nodes.map(node => (node.admin.status === 'ready' ? ask(node) : Promise.reject(new Error('dead')))),
    )
  const slotOf = async (key: string) => Number(await askAnyone(({ admin }) => admin.cluster('KEYSLOT', key)))
  const ownerOf = async (slot: number): Promise<Node> => {
    const ranges = (await askAnyone(({ admin }) => admin.cluster('SLOTS'))) as unknown as Range[]
    const range = ranges.find(([from, to]) => from <= slot && slot <= to)
    const owner = nodes.find(({ port }) => port === range?.[2][1])
    if (!owner) throw new Error(`Nobody serves slot ${slot}`)
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

/** Moves a slot to another node as operators do, key by key, with `between` called while some keys have moved. */
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
    const how = ['127.0.0.1', to.port, '', 0, 5000, 'AUTH', password, 'KEYS', key]
    await from.admin.call('MIGRATE', ...how)
    await between()
  }
  for (const { admin } of [to, from]) await admin.call('CLUSTER', 'SETSLOT', slot, 'NODE', toId)
}
