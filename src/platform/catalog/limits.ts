import { parseDuration } from '../base/duration.ts'

/** At most `points` requests in `window` milliseconds. `by` says whose requests are counted together. */
export type Limit = { name: string; points: number; window: number; by: LimitedBy }

type Definition = { points: number; window: string; by: LimitedBy }

/** Defines limits by their names. `window` is a duration such as `15m`. */
export const defineLimits = <N extends string>(
  table: Readonly<Record<N, Definition>>,
): Readonly<Record<N, Limit>> => {
  const defined = Object.entries<Definition>(table).map(
    ([name, { points, window, by }]) =>
      [name, { name, points, window: parseDuration(window) ?? 0, by }] as const,
  )
  return Object.fromEntries(defined) as Record<N, Limit>
}

/** The rate limits of the core. Modules add their own. */
export const limits = defineLimits({
  register: { points: 5, window: '15m', by: 'ip' },
  login: { points: 10, window: '15m', by: 'ip' },
  login_device: { points: 10, window: '15m', by: 'device' },
  refresh: { points: 20, window: '15m', by: 'session' },
  refresh_cookie: { points: 120, window: '15m', by: 'session' },
  anonymous: { points: 100, window: '15m', by: 'ip' },
  bearer: { points: 1000, window: '15m', by: 'session' },
  check: { points: 30_000, window: '15m', by: 'session' },
  check_client: { points: 300_000, window: '15m', by: 'client' },
  export: { points: 5, window: '1h', by: 'user' },
  session_list: { points: 100, window: '15m', by: 'session and ip' },
  change_password: { points: 10, window: '15m', by: 'session and ip' },
  reauthenticate: { points: 10, window: '15m', by: 'session and ip' },
  login_mfa: { points: 30, window: '15m', by: 'ip' },
  passkey_options: { points: 60, window: '15m', by: 'ip' },
  login_passkey: { points: 30, window: '15m', by: 'ip' },
  login_email_confirm: { points: 30, window: '15m', by: 'ip' },
  factors: { points: 30, window: '15m', by: 'session and ip' },
  password_changed: { points: 10, window: '1h', by: 'user' },
  mail: { points: 3, window: '1h', by: 'recipient' },
  mail_ip: { points: 10, window: '1h', by: 'ip' },
  revocations: { points: 30_000, window: '15m', by: 'ip' },
  docs: { points: 300, window: '15m', by: 'ip' },
  code: { points: 5, window: '24h', by: 'token' },
  code_day: { points: 20, window: '24h', by: 'user' },
  repeat: { points: 100, window: '24h', by: 'token' },
  code_service: { points: 1000, window: '1h', by: 'service' },
  client_auth: { points: 50, window: '15m', by: 'ip' },
  client_guesses: { points: 100, window: '15m', by: 'client' },
  oauth_token: { points: 1000, window: '15m', by: 'client' },
  introspect: { points: 60_000, window: '1m', by: 'client' },
  revoke: { points: 6000, window: '1m', by: 'client' },
  machine: { points: 3000, window: '15m', by: 'client' },
})

export type LimitName = keyof typeof limits

/** The share of the wrong codes allowed by `code_service` at which a warning is logged. */
export const manyWrongCodes = 0.1

/**
 * Wrong passwords of one account in a row. After `free` attempts each waits twice as long as the one before it, from
 * `wait` to `longestWait` milliseconds. The attempt `atMost` locks the password until a reset (NIST SP 800-63B-4, section
 * 3.2.2).
 */
export const wrongPasswords = { free: 5, wait: 30_000, longestWait: 3_600_000, atMost: 100 } as const

/**
 * Wrong codes of the second factor of one account, over all its sign-ins. After `free` attempts each waits twice as long as the
 * one before it, from `wait` to `longestWait` milliseconds. `perLogin` is how many each sign-in has. RATE_LIMITS does not
 * change them.
 */
export const wrongFactors = { perLogin: 5, free: 10, wait: 30_000, longestWait: 3_600_000 } as const

/**
 * The factor by which a wider IPv6 network has more points of a limit by `ip`, by the length of its prefix. A /64 counts
 * like one IPv4 address.
 */
export const pointsOfWiderNetworks = { 56: 2, 48: 4 } as const

export type LimitedBy =
  | 'ip'
  | 'session'
  | 'session and ip'
  | 'recipient'
  | 'token'
  | 'user'
  | 'device'
  | 'client'
  | 'service'

/** The limits by name, as RATE_LIMITS configures them. `off` disables every limit, for benchmarks only. */
export type ConfiguredLimits = Readonly<Record<string, Limit>> | 'off'

/** A limit as configured; as defined if limits are off. */
export const configuredLimit = (configured: ConfiguredLimits, limit: Limit): Limit =>
  configured === 'off' ? limit : (configured[limit.name] ?? limit)

const override = /^([a-z_]+)=([1-9]\d{0,6})\/(\w+)$/

/** Reads `login=10/15m,register=5/15m` over these limits, or `off`. Returns null if the text is neither. */
export const parseLimits =
  (defined: readonly Limit[]) =>
  (text: string): ConfiguredLimits | null => {
    if (text === 'off') return 'off'
    const limits = new Map(defined.map(limit => [limit.name, limit]))
    for (const part of text.split(',').filter(Boolean)) {
      const [, name = '', points, duration] = override.exec(part.trim()) ?? []
      const limit = limits.get(name)
      const window = parseDuration(duration ?? '')
      // The counters in memory count whole seconds, and `setTimeout` fires at once for a delay of more than 24 days.
      const isCountable = window && window % 1000 === 0 && window <= 24 * 86_400_000
      if (!limit || !isCountable) return null
      limits.set(name, { ...limit, points: Number(points), window })
    }
    return Object.fromEntries(limits)
  }
