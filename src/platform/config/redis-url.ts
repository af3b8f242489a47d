// The forms of REDIS_URL. RFC 3986 allows one host in a URL, but Redis clients commonly accept several.
// An error states the rule and never quotes the text, which holds passwords.

import {
  databaseOf,
  decoded,
  type Host,
  hostOf,
  hostsOf,
  readSocket,
  type Socket,
  userOf,
} from './redis-url-parts.ts'

/** A parsed REDIS_URL. `password` is empty for a user without one. */
export type RedisAddress = { tls: boolean; username?: string; password?: string } & (
  | { kind: 'single'; at: Host | Socket; db: number }
  | {
      kind: 'sentinel'
      sentinels: Host[]
      master: string
      db: number
      sentinelUsername?: string
      sentinelPassword?: string
    }
  | { kind: 'cluster'; nodes: Host[] }
)

export type RedisUrlError = { error: string }

const forms =
  'must be redis://host:6379, a cluster as redis://host1:7000,redis://host2:7000 or redis+cluster://host:7000, redis+sentinel://host1:26379,host2:26379/<master name>, or unix:///folder/redis.sock?db=0; rediss for TLS'
const percent = 'must have user and password percent-encoded'
const noDatabase = 'must not name a database: a cluster has only one'
const oneUser = 'must name the same user and password, and the same protocol, at every node of a cluster'
const noMaster = 'must end in /<master name> with Sentinel'
const noOptions = 'must have no options other than sentinelUsername and sentinelPassword with Sentinel'

const shape =
  /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^/?#\s]*)@)?([^@/?#\s]+)(?:\/([^?#\s]*))?(?:\?([^#\s]*))?$/

const partsOf = (text: string) => {
  const [found, protocol = '', kind, user, hosts = '', path = '', query = ''] = shape.exec(text) ?? []
  return found ? { protocol, kind, user, hosts, path, query } : null
}

type Parts = NonNullable<ReturnType<typeof partsOf>>

const sentinelAddress = (parts: Parts, tls: boolean): RedisAddress | RedisUrlError => {
  const user = userOf(parts.user)
  const sentinels = hostsOf(parts.hosts, 26379)
  const [name = '', database = '', ...more] = parts.path.split('/')
  const [master, db] = [decoded(name), databaseOf(database)]
  if (!sentinels || db === null || more.length > 0) return { error: forms }
  if (!user) return { error: percent }
  if (!master) return { error: noMaster }
  const { sentinelUsername, sentinelPassword, ...others } = Object.fromEntries(
    new URLSearchParams(parts.query),
  )
  if (Object.keys(others).length > 0) return { error: noOptions }
  return {
    kind: 'sentinel',
    tls,
    ...user,
    sentinels,
    master,
    db,
    ...(sentinelUsername && { sentinelUsername }),
    ...(sentinelPassword && { sentinelPassword }),
  }
}

const clusterAddress = (nodes: Parts[], tls: boolean): RedisAddress | RedisUrlError => {
  const [first] = nodes
  const named = new Set(nodes.map(node => node.user).filter(Boolean))
  const protocols = new Set(nodes.map(node => `${node.protocol}+${node.kind}`))
  const hosts = nodes.map(node => hostsOf(node.hosts, 6379))
  if (!first || !hosts.every(each => each !== null)) return { error: forms }
  if (nodes.some(node => node.query)) return { error: noOptions }
  if (nodes.some(node => node.path)) return { error: noDatabase }
  if (named.size > 1 || protocols.size > 1) return { error: oneUser }
  const user = userOf([...named][0])
  return user ? { kind: 'cluster', tls, ...user, nodes: hosts.flat() } : { error: percent }
}

const singleAddress = (parts: Parts, tls: boolean): RedisAddress | RedisUrlError => {
  const [user, at, db] = [userOf(parts.user), hostOf(parts.hosts, 6379), databaseOf(parts.path)]
  if (!at || db === null) return { error: forms }
  if (parts.query) return { error: noOptions }
  return user ? { kind: 'single', tls, ...user, at, db } : { error: percent }
}

const socketAddress = (text: string): RedisAddress | RedisUrlError => {
  const socket = readSocket(text)
  if (!socket) return { error: forms }
  const user = userOf(socket.user)
  return user
    ? { kind: 'single', tls: false, ...user, at: { path: socket.path }, db: socket.db }
    : { error: percent }
}

/** Parses REDIS_URL, or returns the rule that it breaks. */
export const parseRedisUrl = (text: string): RedisAddress | RedisUrlError => {
  if (/^(?:unix|redis\+(?:unix|socket)):/.test(text)) return socketAddress(text)
  const nodes = text.split(/,\s*(?=rediss?(?:\+\w+)?:\/\/)/).map(partsOf)
  const [first] = nodes
  if (!first || !nodes.every(node => node !== null)) return { error: forms }
  const tls = first.protocol === 'rediss'
  if (nodes.some(node => node.kind === 'sentinel'))
    return nodes.length === 1 ? sentinelAddress(first, tls) : { error: forms }
  return nodes.length > 1 || first.kind === 'cluster' ? clusterAddress(nodes, tls) : singleAddress(first, tls)
}
