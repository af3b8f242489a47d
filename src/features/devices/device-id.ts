import { sha256 } from '../../platform/crypto/derive.ts'
import { parseUserAgent } from './user-agent.ts'

/** Identifies a device by a hash of its browser, system and network. A new version of a browser is the same device. */
export const deviceId = ({ network, userAgent }: { network: string; userAgent: string }): string => {
  const { browser, system } = parseUserAgent(userAgent)
  const kind = browser === null ? userAgent : `${browser} ${system}`
  return sha256(`${kind}\n${network}`).toString('base64url').slice(0, 22)
}
