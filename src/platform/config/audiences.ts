import { canonicalBaseUrl } from '../base/base-url.ts'
import { isLoopback } from './loopback.ts'

/**
 * The canonical form of the address of a service that may have tokens of its own. Plain http is only for services on this
 * machine, because a token that travels to another machine without TLS can be read on the way.
 */
export const parseAudience = (text: string): string | null => {
  const address = canonicalBaseUrl(text)
  if (address === null) return null
  const { protocol, hostname } = new URL(address)
  return protocol === 'https:' || isLoopback(hostname.replace(/^\[|\]$/g, '')) ? address : null
}
