import fc from 'fast-check'
import { variables } from '../../src/config.ts'
import { limits } from '../../src/modules.ts'

// Generators of valid values for environment variables, for property tests of the configuration.

/** A text that no error message may quote. */
export const canary = 'cNaRy7Qx'

/** The minimal valid environment of every process. */
export const minimalEnv = {
  NODE_ENV: 'test',
  DATABASE_URL: 'postgres://app@localhost/app',
  REDIS_URL: 'redis://localhost',
  SMTP_URL: 'smtp://localhost',
  APP_SECRET: 'Xv9-of-tests-alone-0123456789-abcdef',
}

export const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const { m, d } = units

const host = fc.domain().map(name => name.toLowerCase())
const port = fc.integer({ min: 1, max: 65_535 }).filter(each => each !== 80 && each !== 443)
const authority = fc.oneof(
  host,
  fc.tuple(host, port).map(parts => parts.join(':')),
)
const joined = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map(found => found.join(''))
const webOrigin = joined(fc.constantFrom('http://', 'https://'), authority)
const path = fc
  .array(fc.stringMatching(/^\/[a-z0-9~_-]{1,8}$/), { maxLength: 3 })
  .map(segments => segments.join(''))

export const urls = {
  origin: webOrigin,
  base: joined(webOrigin, path),
  /** URLs of any kind, also with credentials, queries and fragments. */
  any: fc.webUrl({
    validSchemes: ['http', 'https', 'ftp', 'HTTPS'],
    authoritySettings: { withUserInfo: true, withPort: true, withIPv4: true, withIPv6: true },
    withQueryParameters: true,
    withFragments: true,
  }),
}

const secureBase = urls.base.map(at => at.replace(/^http:/, 'https:'))

/** The minimum and maximum of each duration, in milliseconds. */
export const durationRanges = {
  ACCESS_TOKEN_TTL: [m, 60 * m],
  REFRESH_TOKEN_TTL: [5 * m, 400 * d],
  SESSION_MAX_AGE: [5 * m, 400 * d],
  ACCOUNT_ERASURE_DELAY: [d, 400 * d],
} as const

const unit = fc.constantFrom(...(Object.keys(units) as (keyof typeof units)[]))
const durationWithin = ([least, most]: readonly [number, number]) =>
  fc.tuple(fc.integer({ min: least / 1000, max: most / 1000 }), unit).map(([seconds, each]) => {
    const amount = Math.floor((seconds * 1000) / units[each])
    const whole = amount * units[each]
    return whole >= least && amount <= 999_999_999 ? `${amount}${each}` : `${seconds}s`
  })

const whole = (min: number, max: number) => fc.integer({ min, max }).map(String)
const listOf = (part: fc.Arbitrary<string>) =>
  fc.array(part, { minLength: 1, maxLength: 4 }).map(parts => parts.join(', '))
const flag = fc.constantFrom('true', 'false', 'on', 'off')
const limit = joined(
  fc.constantFrom(...limits.map(({ name }) => name)),
  fc.constant('='),
  whole(1, 9_999_999),
  fc.constant('/15m'),
)

/** A secret of APP_SECRET: 14 different characters, then 18 to 50 random ones, and no blank at its ends. */
export const appSecret = fc.string({ minLength: 18, maxLength: 50 }).map(word => `aB3dE5gH7jK9mN${word}z`)

const values: Record<string, fc.Arbitrary<string>> = {
  NODE_ENV: fc.constantFrom('development', 'test'),
  DATABASE_URL: host.map(at => `postgres://app:pass@${at}/app`),
  REDIS_URL: host.map(at => `rediss://${at}:6379`),
  REDIS_PREFIX: fc.stringMatching(/^[a-z0-9-]{1,32}$/),
  SMTP_URL: host.map(at => `smtp://${at}`),
  MAIL_FROM: host.map(at => `Ann <ann@${at}>`),
  APP_SECRET: fc
    .uniqueArray(appSecret, { minLength: 1, maxLength: 4 })
    .map(secrets => secrets.map(secret => secret.replaceAll(',', '\\,')).join(',')),
  PUBLIC_URL: urls.base,
  FRONTEND_URL: urls.base,
  CORS_ORIGINS: listOf(webOrigin),
  AUDIENCES: listOf(fc.oneof(secureBase, fc.constant('http://localhost:4000/orders'))),
  PORT: whole(0, 65_535),
  HOST: fc.constantFrom('0.0.0.0', '::', 'localhost'),
  METRICS_HOST: fc.constantFrom('0.0.0.0', '::1', 'localhost'),
  API_PROCESSES: whole(1, 64),
  ...Object.fromEntries(Object.entries(durationRanges).map(([name, ends]) => [name, durationWithin(ends)])),
  REQUIRE_VERIFIED_EMAIL: flag,
  REGISTRATION_PRIVACY: flag,
  BCRYPT_COST: whole(4, 16),
  PASSWORD_MIN_LENGTH: whole(8, 64),
  PASSWORD_REQUIRE: listOf(fc.constantFrom('letter', 'digit', 'lower', 'upper', 'symbol')),
  // It must fit the other variables: see test/unit/factors/relying-party.test.ts.
  WEBAUTHN_RP_ID: fc.constant(''),
  RATE_LIMITS: fc.oneof(fc.constant('off'), listOf(limit)),
  EMAIL_LINK_CONFIRM: fc.constantFrom('click', 'instant'),
  BRAND_NAME: fc.constantFrom('Acme', 'أكمي', '"Acme" & Sons <1>'),
  BRAND_LOGO_URL: joined(fc.constant('https://'), host, fc.constant('/logo.png')),
  BRAND_COLOR: fc.stringMatching(/^#(?:[0-9a-f]{3}|[0-9a-f]{6})$/),
  BRAND_SUPPORT_EMAIL: host.map(at => `help@${at}`),
  TEMPLATES_DIR: fc.constant(import.meta.dirname),
  LOG_LEVEL: fc.constantFrom('fatal', 'error', 'warn', 'info', 'debug', 'silent'),
}

/** Valid values of a variable. For one that is not listed above it is its default or example. */
export const goodValue = (name: string): fc.Arbitrary<string> => {
  const variable = (variables as Record<string, { default?: string; example?: string }>)[name]
  return values[name] ?? fc.constant(variable?.default ?? variable?.example ?? '')
}
