import type { IncomingMessage } from 'node:http'
import { type BlockList, isIP } from 'node:net'
import { partsOf } from '../base/header-text.ts'
import { pointsOfWiderNetworks } from '../catalog/limits.ts'
import type { TrustedProxies } from '../config/trusted-proxies.ts'
import type { Counter } from '../limits/limiter.ts'
import type { Locales } from '../theme/locales.ts'

/** The sender of a request, as seen on the network. Rate limits count by `network`. */
export type Client = { ip: string; network: string; userAgent: string; locale: string }

/** The sixteen-bit groups of an IPv6 address. */
const groups = (ip: string): string[] => {
  const [head = '', tail] = new URL(`http://[${ip}]`).hostname.slice(1, -1).split('::')
  const front = head.split(':').filter(Boolean)
  const back = (tail ?? '').split(':').filter(Boolean)
  return [...front, ...Array(8 - front.length - back.length).fill('0'), ...back]
}

/** The canonical spelling of an address, with IPv4 mapped into IPv6 as IPv4. Null if the text is not an address. */
export const normalAddress = (text: string): string | null => {
  if (isIP(text) === 4) return text
  // Some proxies append the port: `192.0.2.1:4711`, `[2001:db8::1]:4711`.
  const bare = text
    .replace(/%.*$/, '')
    .replace(/^\[(.*)\](?::\d+)?$/, '$1')
    .replace(/^([\d.]+):\d+$/, '$1')
  if (isIP(bare) === 4) return bare
  if (isIP(bare) !== 6) return null
  const parts = groups(bare)
  if (parts.slice(0, 5).every(part => part === '0') && parts[5] === 'ffff') {
    const [high = 0, low = 0] = parts.slice(6).map(part => Number.parseInt(part, 16))
    return [high >> 8, high & 255, low >> 8, low & 255].join('.')
  }
  return parts.join(':')
}

/** An IPv6 network is a /64: a household has at least one, and can use any number of its addresses at no cost. */
const networkOf = (address: string): string =>
  address.includes(':') ? `${address.split(':').slice(0, 4).join(':')}::/64` : address

/**
 * The counters of a network. A provider gives an IPv6 customer up to a /48, which holds 65 536 networks of /64. Each of
 * those would have the whole limit, so the /56 and the /48 around it are counted too.
 *
 * The /48 is the hash tag.
 */
export const countersOf = (network: string): Counter[] => {
  if (!network.endsWith('::/64')) return [{ key: network, times: 1 }]
  const [a, b, c, d = '0'] = network.replace('::/64', '').split(':')
  const upperByte = (Number.parseInt(d, 16) & 0xff00).toString(16)
  const tag = `{${a}:${b}:${c}::/48}`
  return [
    { key: `${tag}:${network}`, times: 1 },
    { key: `${tag}:${a}:${b}:${c}:${upperByte}::/56`, times: pointsOfWiderNetworks[56] },
    { key: tag, times: pointsOfWiderNetworks[48] },
  ]
}

const isTrusted = (address: string, networks: BlockList): boolean =>
  networks.check(address, address.includes(':') ? 'ipv6' : 'ipv4')

/** Whether the connection comes from a trusted proxy, so that its forwarding headers may be used. */
export const behindProxy = ({ socket }: IncomingMessage, trusted: TrustedProxies): boolean => {
  if (typeof trusted === 'number') return trusted > 0
  const peer = normalAddress(socket.remoteAddress ?? '')
  return peer !== null && isTrusted(peer, trusted)
}

/**
 * The first address from the right that is not a trusted proxy. An unreadable entry ends the search: the address before it
 * counts.
 */
const outermost = (hops: readonly string[], trusted: BlockList, peer: string): string => {
  let seen = peer
  for (const hop of hops.toReversed()) {
    if (!isTrusted(seen, trusted)) break
    const next = normalAddress(hop)
    if (!next) break
    seen = next
  }
  return seen
}

/**
 * The address that the outermost trusted proxy saw. `X-Forwarded-For` is read from the right, because a client may have
 * written the entries further left.
 */
const addressOf = (request: IncomingMessage, trusted: TrustedProxies): string => {
  const peer = normalAddress(request.socket.remoteAddress ?? '') ?? '0.0.0.0'
  const hops = partsOf(String(request.headers['x-forwarded-for'] ?? ''), ',').filter(Boolean)
  if (typeof trusted !== 'number') return outermost(hops, trusted, peer)
  const seen = trusted === 0 ? undefined : hops.at(-trusted)
  return (seen && normalAddress(seen)) ?? peer
}

/** The client of a request. The user agent is cut to 256 characters. */
export const clientOf = (request: IncomingMessage, trusted: TrustedProxies, locales: Locales): Client => {
  const ip = addressOf(request, trusted)
  return {
    ip,
    network: networkOf(ip),
    userAgent: (request.headers['user-agent'] ?? '').slice(0, 256),
    locale: locales.pick(null, request.headers['accept-language']),
  }
}
