import type Bowser from 'bowser'
import { require } from '../../platform/base/lazy-require.ts'

type Named = { browser: string | null; system: string | null }

/** What the latest user agents name. Bowser tries about a hundred patterns, and most clients come again. */
const cache = new Map<string, Named>()
const maxCached = 500
const maxCachedLength = 300

/** The browser and system that a user agent names, such as `Firefox` and `Windows`. Null where it names none. */
export const parseUserAgent = (userAgent: string): Named => {
  if (userAgent === '') return { browser: null, system: null }
  const cached = cache.get(userAgent)
  if (cached) return cached
  const named = parseWithBowser(userAgent)
  if (userAgent.length > maxCachedLength) return named
  if (cache.size >= maxCached) cache.clear()
  cache.set(userAgent, named)
  return named
}

const parseWithBowser = (userAgent: string): Named => {
  const { BROWSER_MAP, parse }: typeof Bowser = require('bowser')
  const { browser, os } = parse(userAgent)
  // For a browser that it does not know, Bowser returns words of the user agent itself.
  const isKnown = browser.name && Object.values(BROWSER_MAP).includes(browser.name)
  return {
    browser: isKnown && browser.name ? browser.name : null,
    system: os.name || null,
  }
}

/**
 * A short name of a device for emails: `Firefox, Linux`, or a program such as `curl`. It copies no other text of the user
 * agent, because a reader would take an attacker's words for ours.
 */
export const deviceName = (userAgent: string): string => {
  const { browser, system } = parseUserAgent(userAgent)
  const program = /^[A-Za-z][A-Za-z-]{0,23}(?=\/[0-9.]+(?:\s|$))/.exec(userAgent)?.[0] ?? null
  return [browser ?? program, system].filter(name => name !== null).join(', ')
}
