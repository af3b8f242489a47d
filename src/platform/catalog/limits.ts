import { parseDuration } from '../base/duration.ts'

// Every rate limit of the service. `by` says whose requests are counted together.

const catalogue = {
  register: { points: 5, window: '15m', by: 'ip' },
  login: { points: 10, window: '15m', by: 'ip' },
  login_device: { points: 10, window: '15m', by: 'device' },
  refresh: { points: 20, window: '15m', by: 'session' },
  refresh_cookie: { points: 120, window: '15m', by: 'session' },
  anonymous: { points: 100, window: '15m', by: 'ip' },
  bearer: { points: 1000, window: '15m', by: 'session' },
  export: { points: 5, window: '1h', by: 'user' },
  session_list: { points: 100, window: '15m', by: 'session and ip' },
  change_password: { points: 10, window: '15m', by: 'session and ip' },
  password_changed: { points: 10, window: '1h', by: 'user' },
  mail: { points: 3, window: '1h', by: 'recipient' },
  mail_ip: { points: 10, window: '1h', by: 'ip' },
  sites: { points: 1000, window: '15m', by: 'ip' },
  purchase: { points: 5, window: '30m', by: 'ip' },
  webhook: { points: 1000, window: '1m', by: 'ip' },
  docs: { points: 300, window: '15m', by: 'ip' },
  code: { points: 5, window: '24h', by: 'proof' },
  code_day: { points: 20, window: '24h', by: 'user' },
  repeat: { points: 100, window: '24h', by: 'proof' },
  code_service: { points: 1000, window: '1h', by: 'service' },
} as const satisfies Record<string, { points: number; window: string; by: LimitedBy }>

/** A tenth of the wrong codes that close all codes is reason enough for people to look. */
export const manyWrongCodes = 0.1

/**
 * Wrong passwords of one account in a row, in milliseconds: some are free, then each waits twice as long as the one
 * before it, and the last closes the password until a reset (NIST SP 800-63B-4, section 3.2.2).
 */
export const wrongPasswords = { free: 5, wait: 30_000, longestWait: 3_600_000, atMost: 100 } as const

/**
 * How many times the points of a limit by `ip` a network of IPv6 has, by the length of its prefix. A /64 counts like an
 * address of IPv4.
 */
export const pointsOfWiderNetworks = { 56: 2, 48: 4 } as const

export type LimitedBy =
  | 'ip'
  | 'session'
  | 'session and ip'
  | 'recipient'
  | 'proof'
  | 'user'
  | 'device'
  | 'service'
export type LimitName = keyof typeof catalogue
/** `points` per `window` milliseconds. */
export type Limit = { points: number; window: number; by: LimitedBy }
/** `off` switches every limit off: for benchmarks alone. */
export type Limits = Record<LimitName, Limit> | 'off'

export const limitNames = Object.keys(catalogue) as LimitName[]

export const defaultLimits = Object.fromEntries(
  limitNames.map(name => [name, { ...catalogue[name], window: parseDuration(catalogue[name].window) ?? 0 }]),
) as Record<LimitName, Limit>

const override = /^([a-z_]+)=([1-9]\d{0,6})\/(\w+)$/

/** Reads `login=10/15m,register=5/15m` over the defaults, or `off`. Returns null where the text is neither. */
export const parseLimits = (text: string): Limits | null => {
  if (text === 'off') return 'off'
  const limits = structuredClone(defaultLimits)
  for (const part of text.split(',').filter(Boolean)) {
    const [, name, points, window] = override.exec(part.trim()) ?? []
    const limit = limitNames.includes(name as LimitName) ? limits[name as LimitName] : null
    const milliseconds = parseDuration(window ?? '')
    // The counters know whole seconds, and what is set for later than 24 days is done at once.
    const countable = milliseconds && milliseconds % 1000 === 0 && milliseconds <= 24 * 86_400_000
    if (!limit || !countable) return null
    limit.points = Number(points)
    limit.window = milliseconds
  }
  return limits
}
