import { BlockList, isIP } from 'node:net'
import { rule } from './variable-rules.ts'

/** The number of proxies in front of the service, or their networks. */
export type TrustedProxies = number | BlockList

const networks = (text: string): BlockList | null => {
  const list = new BlockList()
  for (const part of text.split(',').map(each => each.trim())) {
    const [, address = '', prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(part) ?? []
    const family = isIP(address)
    const bits = family === 4 ? 32 : 128
    // A prefix of 0 contains every address, so every client could choose the address that it is counted by.
    const length = Number(prefix ?? bits)
    if (family === 0 || length > bits || length === 0) return null
    list.addSubnet(address, length, family === 4 ? 'ipv4' : 'ipv6')
  }
  return list
}

/** The rule of `TRUSTED_PROXIES`. */
export const trustedProxies = rule(
  'must be a number of proxies from 0 to 10, or a comma-separated list of networks such as 10.0.0.0/8,2001:db8::/32',
  (text): TrustedProxies | null => (/^(?:\d|10)$/.test(text) ? Number(text) : networks(text)),
)
