import { canonicalBaseUrl } from '../base/base-url.ts'
import { isLoopback } from './loopback.ts'

/** The audience of an access token: the listed address that a client asks for, or `PUBLIC_URL`. Null if it is not listed. */
export const listedAudience = (
  { PUBLIC_URL, AUDIENCES }: { PUBLIC_URL: string; AUDIENCES: readonly string[] },
  requested: string | undefined,
): string | null => {
  if (requested === undefined || requested === PUBLIC_URL) return PUBLIC_URL
  return AUDIENCES.includes(requested) ? requested : null
}

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
