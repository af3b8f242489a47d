import Bowser from 'bowser'
import { sha256 } from '../../platform/crypto/derive.ts'

// For a browser that it does not know, Bowser gives words of the user agent itself.
const browsers = new Set(Object.values(Bowser.BROWSER_MAP))

/** What a user agent says of itself, in known words: `Firefox`, `Windows`. Null where it does not say. */
export const namesOf = (userAgent: string): { browser: string | null; system: string | null } => {
  if (userAgent === '') return { browser: null, system: null }
  const { browser, os } = Bowser.parse(userAgent)
  return {
    browser: browser.name && browsers.has(browser.name) ? browser.name : null,
    system: os.name || null,
  }
}

/**
 * What tells one device from another, as a hash: its browser and system, and the network that it is in. A new version
 * of a browser is no new device.
 */
export const deviceOf = ({ network, userAgent }: { network: string; userAgent: string }): string => {
  const { browser, system } = namesOf(userAgent)
  const kind = browser === null ? userAgent : `${browser} ${system}`
  return sha256(`${kind}\n${network}`).toString('base64url').slice(0, 22)
}

/**
 * A user agent in few words: `Firefox, Linux`, or the name of a program such as `curl`. Nothing else of it: in a mail of
 * ours, the words of a thief would be taken for our own.
 */
export const deviceName = (userAgent: string): string => {
  const { browser, system } = namesOf(userAgent)
  const program = /^[A-Za-z][A-Za-z-]{0,23}(?=\/[0-9.]+(?:\s|$))/.exec(userAgent)?.[0] ?? null
  return [browser ?? program, system].filter(name => name !== null).join(', ')
}
