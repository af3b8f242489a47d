import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseEnv } from 'node:util'
import anyTest from 'ava'
import fc from 'fast-check'
import { readConfig, variables } from '../../src/config.ts'
import { limits } from '../../src/modules.ts'
import { parseDuration } from '../../src/platform/base/duration.ts'
import { parseLimits } from '../../src/platform/catalog/limits.ts'
import { exampleSecret } from '../../src/platform/config/app-secret.ts'
import { themeVariables } from '../../src/platform/config/brand.ts'
import { configErrorText, type ProcessName } from '../../src/platform/config/config.ts'
import { exposureWarnings } from '../../src/platform/config/exposure.ts'
import { isListedOrigin, parseOrigin } from '../../src/platform/config/origins.ts'
import { parseRedisUrl } from '../../src/platform/config/redis-url.ts'
import { baseUrl, parsedBy } from '../../src/platform/config/variable-rules.ts'
import { shopSecrets } from '../../src/shop/catalog/variables.ts'
import { programEnv } from '../spawn.ts'
import { appSecret, canary, durationRanges, goodValue, minimalEnv, units, urls } from './variable-values.ts'

// The configuration: valid and invalid values of each variable, error messages, and .env.example.

const test = anyTest.serial

{
  const secret = 'Xv9-of-tests-alone-0123456789-abcdef'

  const production = { ...minimalEnv, NODE_ENV: 'production', PUBLIC_URL: 'https://id.example.com' }

  const errorsOf = (env: Record<string, string | undefined>, process: ProcessName = 'worker'): string[] => {
    const result = readConfig(env, process)
    return 'errors' in result ? result.errors : []
  }

  const configOf = (env: Record<string, string | undefined>) => {
    const result = readConfig(env, 'worker')
    if ('errors' in result) throw new Error(result.errors.join('\n'))
    return result.config
  }

  test('missing variables → each process reports exactly the ones that it needs', t => {
    const none = ['DATABASE_URL', 'REDIS_URL', 'SMTP_URL', 'APP_SECRET'].map(name => `${name} is not set`)
    const env = { NODE_ENV: 'test' }
    t.deepEqual(errorsOf(env, 'worker'), none)
    t.deepEqual(
      errorsOf(env, 'api'),
      none.filter(error => !error.startsWith('SMTP')),
    )
    t.deepEqual(
      errorsOf(env, 'migrate'),
      none.filter(error => /^(DATABASE|APP)/.test(error)),
    )
    t.deepEqual(errorsOf(minimalEnv), [])
  })

  test('empty variable → treated as unset', t => {
    t.deepEqual(errorsOf({ ...minimalEnv, SMTP_URL: '', APP_SECRET: '' }), [
      'SMTP_URL is not set',
      'APP_SECRET is not set',
    ])
    const { PORT, FRONTEND_URL, CORS_ORIGINS } = configOf({
      ...minimalEnv,
      PORT: '',
      FRONTEND_URL: '',
      CORS_ORIGINS: '',
    })
    t.is(PORT, 8000)
    t.is(FRONTEND_URL, undefined)
    t.deepEqual(CORS_ORIGINS, [])
  })

  const invalid: Record<string, string> = {
    NODE_ENV: 'prod-5ecret',
    DATABASE_URL: 'mysql://root:5ecret@db/app',
    REDIS_URL: '5ecret',
    REDIS_PREFIX: 'lk:{5ecret}',
    SMTP_URL: 'https://user:5ecret@mail',
    MAIL_FROM: 'A <a@b.c>\r\nBcc: 5ecret@x.y',
    APP_SECRET: '5ecret',
    PUBLIC_URL: 'https://user:5ecret@id.example.com',
    FRONTEND_URL: 'javascript:5ecret',
    CORS_ORIGINS: 'https://app.example.com/5ecret',
    AUDIENCES: 'https://orders.example.com,http://5ecret.example.com',
    PORT: '5ecret',
    TRUSTED_PROXIES: 'true5ecret',
    ACCESS_TOKEN_TTL: '900-5ecret',
    REFRESH_TOKEN_TTL: '5ecret',
    SESSION_MAX_AGE: '5ecret',
    BCRYPT_COST: '12.5ecret',
    PASSWORD_MIN_LENGTH: '5ecret',
    PASSWORD_REQUIRE: 'letter,5ecret',
    RATE_LIMITS: 'login=5ecret',
    EMAIL_LINK_CONFIRM: '5ecret',
    LOG_LEVEL: '5ecret',
  }

  test('several invalid values → all are reported at once by name and rule, never by value', t => {
    const errors = errorsOf(invalid)
    t.deepEqual(
      errors.map(error => error.split(' ')[0]),
      Object.keys(invalid),
    )
    for (const error of errors) t.regex(error, /^[A-Z_]+ must /)
    t.notRegex(errors.join('\n'), /5ecret/)
  })

  for (const name of ['api', 'worker', 'migrate'] as const)
    test(`${name} prints every configuration error and exits with 78, so that a supervisor does not restart it`, t => {
      const file = fileURLToPath(new URL(`../../src/${name}.ts`, import.meta.url))
      const env = { ...programEnv, ...invalid, DATABASE_URL: '' }
      const { status, stdout, stderr } = spawnSync(process.execPath, [file], { env, encoding: 'utf8' })
      t.is(status, 78)
      t.is(stdout, '')
      for (const variable of Object.keys(invalid)) t.regex(stderr, new RegExp(`^  ${variable} `, 'm'))
      t.regex(stderr, /^ {2}DATABASE_URL is not set$/m)
      t.notRegex(stderr, /5ecret/)
    })

  test('weak value in production → rejected with the reason', t => {
    t.deepEqual(errorsOf(production), [])
    const errors = (changed: Record<string, string | undefined>) => errorsOf({ ...production, ...changed })
    t.deepEqual(errors({ APP_SECRET: undefined }), ['APP_SECRET is not set'])
    t.deepEqual(errors({ APP_SECRET: secret.slice(0, 31) }), ['APP_SECRET must have at least 32 characters'])
    t.deepEqual(errors({ APP_SECRET: exampleSecret }), [
      'APP_SECRET must not be the example. Generate one: openssl rand -base64 32',
    ])
    t.deepEqual(errors({ APP_SECRET: 'a'.repeat(64) }), [
      'APP_SECRET is too easy to guess. Generate one: openssl rand -base64 32',
    ])
    t.deepEqual(errors({ APP_SECRET: 'password'.repeat(8) }), [
      'APP_SECRET is too easy to guess. Generate one: openssl rand -base64 32',
    ])
    const https = ['PUBLIC_URL must begin with https:// if NODE_ENV is production']
    t.deepEqual(errors({ PUBLIC_URL: 'http://id.example.com' }), https)
    t.deepEqual(errors({ PUBLIC_URL: undefined }), https)
    t.deepEqual(errors({ BCRYPT_COST: '9' }), ['BCRYPT_COST must be at least 10 if NODE_ENV is production'])
    t.is(errors({ PUBLIC_URL: '', APP_SECRET: 'x', BCRYPT_COST: '4', PORT: '-1' }).length, 4)
  })

  test('APP_SECRET with several secrets → each is checked, and no error quotes one', t => {
    const other = 'Yw8-of-tests-alone-0123456789-abcdef'
    const errors = (APP_SECRET: string) => errorsOf({ ...production, APP_SECRET })
    const generate = 'Generate one: openssl rand -base64 32'
    const comma = 'Write a comma that belongs to a secret as \\,'
    const short = [`APP_SECRET must list secrets of at least 32 characters, the current one first. ${comma}`]
    t.deepEqual(errors(`${secret},${other}`), [])
    t.deepEqual(errors(`${secret},${other.slice(0, 31)}`), short)
    t.deepEqual(errors(`${secret},`), short)
    t.deepEqual(errors(`,${secret}`), short)
    t.deepEqual(errors(`${secret.slice(0, 20)},${other.slice(0, 20)}`), short)
    t.deepEqual(errors(`${secret},${other},${secret}`), ['APP_SECRET must not list the same secret twice'])
    t.deepEqual(errors(`${secret}, ${other}`), [`APP_SECRET must have no spaces around its commas. ${comma}`])
    t.deepEqual(errors(`${secret}\t,${other}`), [
      `APP_SECRET must have no spaces around its commas. ${comma}`,
    ])
    const five = Array.from({ length: 5 }, (_, at) => `${at}${secret}`)
    t.deepEqual(errors(five.slice(1).join(',')), [])
    t.deepEqual(errors(five.join(',')), ['APP_SECRET must list at most 4 secrets, the current one first'])
    t.deepEqual(errors(`${secret},${exampleSecret}`), [
      `APP_SECRET (secret 2 of 2) must not be the example. ${generate}`,
    ])
    t.deepEqual(errors(`${'a'.repeat(64)},${secret}`), [
      `APP_SECRET (secret 1 of 2) is too easy to guess. ${generate}`,
    ])
  })

  test('secret that contains a comma → one secret, if each comma has a backslash before it', t => {
    const secretsOf = (APP_SECRET: string) => configOf({ ...minimalEnv, APP_SECRET }).APP_SECRET
    const [first, second] = ['of tests alone, 0123456789 abcdef, and', 'Zq7-of-tests-alone-0123456789-abcdef']
    const written = first.replaceAll(',', '\\,')
    t.deepEqual(secretsOf(written), [first])
    t.deepEqual(secretsOf(`${second},${written}`), [second, first])
    t.deepEqual(secretsOf(`${written},${second}`), [first, second])
  })

  test('secrets of any characters, their commas escaped → read as they are, in their order', t => {
    const property = fc.property(fc.uniqueArray(appSecret, { minLength: 1, maxLength: 4 }), secrets => {
      const APP_SECRET = secrets.map(each => each.replaceAll(',', '\\,')).join(',')
      t.deepEqual([...configOf({ ...minimalEnv, APP_SECRET }).APP_SECRET], secrets)
    })
    fc.assert(property, { numRuns: 300 })
  })

  test('weak value in development → accepted', t => {
    t.deepEqual(
      errorsOf({ ...minimalEnv, APP_SECRET: 'a'.repeat(64), BCRYPT_COST: '4', RATE_LIMITS: 'off' }),
      [],
    )
  })

  test('NODE_ENV is unset or empty → production', t => {
    const https = ['PUBLIC_URL must begin with https:// if NODE_ENV is production']
    for (const NODE_ENV of [undefined, ''])
      for (const process of ['api', 'worker'] as const)
        t.deepEqual(errorsOf({ ...minimalEnv, NODE_ENV }, process), https)
    t.is(configOf({ ...production, NODE_ENV: undefined }).NODE_ENV, 'production')
  })

  test('a migration in production → asks for a good secret, and for no address that it does not use', t => {
    const { DATABASE_URL, APP_SECRET } = production
    t.deepEqual(errorsOf({ DATABASE_URL, APP_SECRET }, 'migrate'), [])
    const weak = { DATABASE_URL, APP_SECRET: 'a'.repeat(64) }
    t.deepEqual(errorsOf(weak, 'migrate'), [
      'APP_SECRET is too easy to guess. Generate one: openssl rand -base64 32',
    ])
  })

  for (const NODE_ENV of ['production', 'development', 'test'])
    for (const process of ['api', 'worker', 'migrate'] as const)
      test(`${process} with the secret of .env.example, NODE_ENV=${NODE_ENV} → refused`, t => {
        const env = { ...production, NODE_ENV, APP_SECRET: exampleSecret }
        t.deepEqual(errorsOf(env, process), [
          'APP_SECRET must not be the example. Generate one: openssl rand -base64 32',
        ])
      })

  test('development configuration that exposes the service → one warning for each setting', t => {
    const exposedBy = (env: Record<string, string>, process: 'api' | 'worker' = 'api') =>
      exposureWarnings(configOf({ ...minimalEnv, ...env }), process).map(text => text.split(' ')[0])
    for (const HOST of ['127.0.0.1', '127.8.0.1', '::1', 'localhost', 'api.localhost'])
      t.deepEqual(exposedBy({ HOST, METRICS_HOST: HOST, METRICS_PORT: '1' }), [], HOST)
    for (const HOST of [
      '0.0.0.0',
      '::',
      '192.168.1.2',
      '::ffff:10.0.0.1',
      'db.example.com',
      '127.0.0.1.example.com',
    ]) {
      t.deepEqual(exposedBy({ HOST }), ['HOST'], HOST)
      t.deepEqual(exposedBy({ HOST }, 'worker'), [], HOST)
      t.deepEqual(exposedBy({ ...production, HOST }), [], HOST)
      t.deepEqual(exposedBy({ METRICS_HOST: HOST }), [], 'no metrics are served without METRICS_PORT')
      for (const process of ['api', 'worker'] as const)
        t.deepEqual(exposedBy({ ...production, METRICS_HOST: HOST, METRICS_PORT: '1' }, process), [
          'METRICS_HOST',
        ])
    }
    const [open] = exposureWarnings(configOf({ ...minimalEnv, HOST: '::', RATE_LIMITS: 'off' }), 'api')
    t.regex(open ?? '', /RATE_LIMITS is off/)
  })

  test('PUBLIC_URL and CORS_ORIGINS → normalized; CORS_ORIGINS with a wildcard or path → rejected', t => {
    const { PUBLIC_URL, CORS_ORIGINS } = configOf({
      ...minimalEnv,
      PUBLIC_URL: 'https://id.example.com/base//',
      CORS_ORIGINS: 'https://a.example/, https://b.example:8443 ,',
    })
    t.is(PUBLIC_URL, 'https://id.example.com/base')
    t.deepEqual(CORS_ORIGINS, ['https://a.example', 'https://b.example:8443'])
    for (const origin of [
      '*',
      'null',
      'https://*.example.com',
      'https://a.example/path',
      'https://u:p@a.example',
    ])
      t.is(errorsOf({ ...minimalEnv, CORS_ORIGINS: origin }).length, 1, origin)
  })

  test('AUDIENCES → normalized; plain http to another machine, a query or credentials → rejected', t => {
    const audiences = (text: string) => configOf({ ...minimalEnv, AUDIENCES: text }).AUDIENCES
    t.deepEqual(configOf(minimalEnv).AUDIENCES, [])
    t.deepEqual(audiences('HTTPS://Orders.example.com:443/, https://news.example.com/v1//,'), [
      'https://orders.example.com',
      'https://news.example.com/v1',
    ])
    const local = ['http://localhost:4000', 'http://127.0.0.1:4000', 'http://[::1]:4000']
    t.deepEqual(audiences(local.join()), local)
    const refused = [
      ...['http://orders.example.com', 'http://localhost.example.com', 'http://10.0.0.1', 'http://128.0.0.1'],
      ...['https://orders.example.com?a=1', 'https://orders.example.com#a', 'https://u:p@orders.example.com'],
      ...['orders', 'urn:orders', '*', 'https://', 'https://orders.example.com https://news.example.com'],
    ]
    for (const text of refused) t.is(errorsOf({ ...minimalEnv, AUDIENCES: text }).length, 1, text)
  })

  test('AUDIENCES with plain http in production → rejected, also among https addresses', t => {
    for (const text of ['http://localhost:4000', 'https://orders.example.com,http://localhost:4000'])
      t.deepEqual(errorsOf({ ...production, AUDIENCES: text }), [
        'AUDIENCES must begin with https:// if NODE_ENV is production',
      ])
    t.deepEqual(errorsOf({ ...production, AUDIENCES: 'https://a.example,https://a.example' }), [])
    t.deepEqual(errorsOf({ ...production, AUDIENCES: '' }), [])
  })

  const origins: Record<string, string> = {
    'https://app.example.com': 'https://app.example.com',
    'HTTPS://App.Example.COM:443/': 'https://app.example.com',
    'http://localhost:80': 'http://localhost',
    'https://app.example.com:80': 'https://app.example.com:80',
    'http://localhost:5173': 'http://localhost:5173',
    'http://[::1]:3000': 'http://[::1]:3000',
    'http://[0:0:0:0:0:0:0:1]:3000': 'http://[::1]:3000',
    'https://bücher.example': 'https://xn--bcher-kva.example',
    'capacitor://localhost': 'capacitor://localhost',
    'Capacitor://LocalHost/': 'capacitor://localhost',
    'ionic://localhost': 'ionic://localhost',
    'tauri://localhost': 'tauri://localhost',
    'app://-': 'app://-',
    'app://obsidian.md': 'app://obsidian.md',
    'chrome-extension://aaaabbbbccccddddeeeeffffgggghhhh':
      'chrome-extension://aaaabbbbccccddddeeeeffffgggghhhh',
    'moz-extension://0b6c7a9e-0000-4000-8000-00000000cafe':
      'moz-extension://0b6c7a9e-0000-4000-8000-00000000cafe',
    'safari-web-extension://8B6C0A20-0000-4000-8000-00000000CAFE':
      'safari-web-extension://8b6c0a20-0000-4000-8000-00000000cafe',
    'com.example.app+x://host:8080': 'com.example.app+x://host:8080',
  }
  for (const [given, normalized] of Object.entries(origins))
    test(`CORS_ORIGINS=${encodeURI(given)} → stored as ${normalized}`, t => {
      t.deepEqual(configOf({ ...minimalEnv, CORS_ORIGINS: `${given}, https://other.example` }).CORS_ORIGINS, [
        normalized,
        'https://other.example',
      ])
    })

  const invalidOrigins = [
    ...['*', 'null', 'NULL', 'https://*', 'https://*.example.com', '*://app.example.com', 'capacitor://*'],
    ...[
      'app.example.com',
      '//app.example.com',
      'https:app.example.com',
      'https:/app.example.com',
      'https://',
    ],
    ...['https://a.example/path', 'https://a.example//', 'https://a.example?x', 'https://a.example#x'],
    ...['https://u:p@a.example', 'https://u@a.example', 'capacitor://u@localhost', 'https://a.example\\x'],
    ...[
      'capacitor://localhost/x',
      'capacitor://',
      'capacitor:localhost',
      'capacitor://local host',
      '1x://localhost',
    ],
    ...[
      'https://a.example:99999',
      'capacitor://localhost:99999',
      'capacitor://a%41',
      'capacitor://[::1',
      'https://[',
    ],
    ...[
      'file://',
      'file:///etc',
      'file://localhost',
      'data:text/html,x',
      'about:blank',
      'javascript://a',
      'ws://a.example',
    ],
  ]
  for (const given of invalidOrigins)
    test(`CORS_ORIGINS=${given} → rejected with a message that explains origins`, t => {
      t.deepEqual(errorsOf({ ...minimalEnv, CORS_ORIGINS: given }), [
        'CORS_ORIGINS must be a comma-separated list of origins such as https://app.example.com or capacitor://localhost: each a scheme, a host and an optional port, without path, credentials, * or null',
      ])
    })

  test('Origin header → compared exactly, but case-insensitively for non-web schemes', t => {
    const allowed = ['https://app.example.com', 'safari-web-extension://8b6c0a20']
    t.true(isListedOrigin(allowed, 'https://app.example.com'))
    t.true(isListedOrigin(allowed, 'safari-web-extension://8B6C0A20'))
    for (const other of [
      'https://APP.example.com',
      'HTTPS://app.example.com',
      'https://app.example.com:443',
      'null',
      '',
    ])
      t.false(isListedOrigin(allowed, other), other)
    for (const other of [
      'safari-web-extension://8B6C0A2',
      'safari-web-extension://8B6C0A20/',
      'x://8b6c0a20',
    ])
      t.false(isListedOrigin(allowed, other), other)
  })

  test('ACCESS_TOKEN_TTL=90s → 90,000 ms; outside its range or malformed → rejected', t => {
    t.is(configOf({ ...minimalEnv, ACCESS_TOKEN_TTL: '90s' }).ACCESS_TOKEN_TTL, 90_000)
    for (const time of ['59s', '2h', '15', '0m', '-5m', '1e3s', 'forever'])
      t.is(errorsOf({ ...minimalEnv, ACCESS_TOKEN_TTL: time }).length, 1, time)
  })
}

{
  const text = fc.string({ unit: 'binary', maxLength: 11 })

  const read = (env: Record<string, string>) => {
    const result = readConfig({ ...minimalEnv, ...env }, 'worker')
    const config: Record<string, unknown> = 'config' in result ? result.config : {}
    return { config, errors: 'errors' in result ? result.errors : [] }
  }

  for (const [name, [min, max]] of Object.entries(durationRanges))
    test(`${name} → any duration within its range in milliseconds, otherwise an error`, t => {
      const property = fc.property(goodValue(name), value => {
        const [, amount = '', unit = ''] = /^(\d+)(\D+)$/.exec(value) ?? []
        const { config } = read({ [name]: value })
        return config[name] === Number(amount) * units[unit as keyof typeof units]
      })
      fc.assert(property)
      for (const end of [`${min}ms`, `${max / units.h}h`]) t.deepEqual(read({ [name]: end }).errors, [])
      const outside = fc.oneof(
        fc.integer({ min: 1, max: min - 1 }).map(ms => `${ms}ms`),
        fc.integer({ min: max / 1000 + 1, max: 999_999_999 }).map(s => `${s}s`),
      )
      const refused = ([error = '', ...more]: string[]) =>
        error.startsWith(`${name} must `) && more.length === 0
      fc.assert(fc.property(outside, value => refused(read({ [name]: value }).errors)))
    })

  test('duration → a positive integer and a unit, everything else is rejected', t => {
    const unit = fc.constantFrom(...Object.keys(units))
    const amount = fc.integer({ min: 1, max: 999_999_999 })
    fc.assert(
      fc.property(amount, unit, (n, u) => parseDuration(`${n}${u}`) === n * units[u as keyof typeof units]),
    )
    const malformed = fc.tuple(
      fc.constantFrom('0', '-1', '+1', ' 1', '1.5', '1e3', '01', '', '1234567890', '１', '1\n'),
      unit,
    )
    fc.assert(fc.property(malformed, ([n, u]) => parseDuration(n + u) === null))
    fc.assert(fc.property(amount, text, (n, tail) => tail in units || parseDuration(`${n}${tail}`) === null))
    t.pass()
  })

  const defaultLimits = Object.fromEntries(limits.map(limit => [limit.name, limit]))
  const parse = parseLimits(limits)

  type Line = [string, number, number, 's' | 'm' | 'h']
  const line: fc.Arbitrary<Line> = fc.tuple(
    fc.constantFrom(...Object.keys(defaultLimits)),
    fc.integer({ min: 1, max: 9_999_999 }),
    fc.integer({ min: 1, max: 500 }),
    fc.constantFrom('s', 'm', 'h'),
  )
  const write = (lines: Line[]) =>
    lines.map(([name, points, n, unit]) => `${name}=${points}/${n}${unit}`).join(',')

  test('RATE_LIMITS → overrides the named defaults; the last entry of a name wins', t => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), lines => {
        const expected = structuredClone(defaultLimits)
        for (const [name, points, n, unit] of lines)
          Object.assign(expected[name] ?? {}, { points, window: n * units[unit] })
        t.deepEqual(parse(write(lines)), expected)
        const again = Object.entries(expected).map(
          ([name, { points, window }]) => `${name}=${points}/${window / 1000}s`,
        )
        t.deepEqual(parse(again.join(', ')), expected)
      }),
    )
    t.is(parse('off'), 'off')
  })

  test('RATE_LIMITS with one invalid entry → rejected as a whole, and the defaults are unchanged', t => {
    const before = structuredClone(defaultLimits)
    const malformed = fc.constantFrom(
      'logins=1/1m',
      'login=0/1m',
      'login=1/1500ms',
      'login=1/25d',
      'login=1',
      '__proto__=1/1m',
      'constructor=1/1m',
      'off',
      'login=-1/1m',
      'login=1/1m;x',
      'LOGIN=1/1m',
    )
    const lines = fc.array(line, { minLength: 1, maxLength: 4 })
    fc.assert(fc.property(lines, malformed, (some, wrong) => parse(`${write(some)},${wrong}`) === null))
    fc.assert(fc.property(lines, malformed, (some, wrong) => parse(`${wrong},${write(some)}`) === null))
    t.deepEqual(defaultLimits, before)
  })

  test('parseOrigin → returns the form that browsers send, or null', t => {
    const parse = parseOrigin
    fc.assert(fc.property(urls.origin, fc.constantFrom('', '/'), (at, slash) => parse(at + slash) === at))
    fc.assert(fc.property(urls.origin, at => parse(at.toUpperCase()) === at))
    const odd = fc.oneof(
      urls.any,
      text,
      fc.tuple(urls.origin, text).map(parts => parts.join('')),
      urls.origin.map(at => at.toUpperCase()),
    )
    fc.assert(
      fc.property(odd, at => {
        const found = parse(at)
        const isWeb = found !== null && /^https?:/.test(found)
        return (
          found === null ||
          (parse(found) === found &&
            /^[^/]+:\/\/[^/?#@*]+$/.test(found) &&
            (!isWeb || new URL(found).origin === found))
        )
      }),
      { numRuns: 3000 },
    )
    t.pass()
  })

  test('baseUrl → one form without trailing slash, query, fragment and credentials, or null', t => {
    const parse = parsedBy(baseUrl)
    fc.assert(fc.property(urls.base, fc.constantFrom('', '/', '//'), (at, slash) => parse(at + slash) === at))
    const odd = fc.oneof(
      urls.any,
      fc.tuple(urls.base, text).map(parts => parts.join('')),
      fc
        .tuple(urls.base, fc.constantFrom('?x', '#x', '/../..', '//', '\\', '/%2e', '/;'))
        .map(parts => parts.join('')),
    )
    fc.assert(
      fc.property(odd, at => {
        const found = parse(at)
        if (found === null) return true
        const { username, password, search, hash } = new URL(found)
        return (
          username + password + search + hash === '' &&
          !found.endsWith('/') &&
          parse(found) === found &&
          new URL(`${found}/x`).href === `${found}/x`
        )
      }),
      { numRuns: 3000 },
    )
    t.pass()
  })
}

{
  type Env = Record<string, string | undefined>

  const names = Object.keys(variables)
  const isOfShop = (name: string) => (shopSecrets as readonly string[]).includes(name)
  const read = (env: Env) => readConfig(env, 'worker')
  const errorsOf = (env: Env): string[] => {
    const result = read(env)
    return 'errors' in result ? result.errors : []
  }
  const configOf = (env: Env) => {
    const result = read(env)
    if ('errors' in result) throw new Error(result.errors.join('\n'))
    return result.config
  }
  const nameOf = (error: string) => error.split(' ')[0] ?? ''

  const text = fc.string({ unit: 'binary', maxLength: 11 })
  // Contains no character that would make it a valid email or URL, and is too short for a secret.
  const badValue = text.map(tail => `${canary}${tail.replace(/[@:/<>]/g, '')}`)
  const validated = names.filter(name => errorsOf({ ...minimalEnv, [name]: canary }).length > 0)
  // Without NODE_ENV the configuration is for production, which has stricter rules.
  const removable = validated.filter((name: string) => name !== 'NODE_ENV')
  const all = fc.record(Object.fromEntries(names.map(name => [name, goodValue(name)])))

  test('environment with random valid values → accepted', t => {
    fc.assert(
      fc.property(all, fc.subarray(names.filter(name => !isOfShop(name))), (env, unset) => {
        const given: Env = { ...env, ...Object.fromEntries(unset.map(name => [name, ''])), ...minimalEnv }
        const config = configOf(given)
        return names.every(
          name =>
            Object.hasOwn(config, name) === (given[name] !== '' || variables[name]?.default !== undefined),
        )
      }),
      { numRuns: 200 },
    )
    t.pass()
  })

  test('several variables are invalid → every error is reported at once, by name and rule', t => {
    t.deepEqual(names.filter(name => !validated.includes(name)).slice(0, 1), ['HOST'])
    fc.assert(
      fc.property(
        all,
        fc.subarray(validated),
        fc.subarray(removable),
        badValue,
        (env, invalid, unset, value) => {
          const given: Env = { ...env, ...Object.fromEntries(unset.map(name => [name, undefined])) }
          for (const name of invalid) given[name] = value
          const isShop = shopSecrets.some(name => given[name] !== undefined)
          const isNeeded = (name: string) =>
            variables[name]?.needed !== undefined || (isShop && isOfShop(name))
          const absent = unset.filter(name => isNeeded(name) && !invalid.includes(name))
          const expected = names.filter(name => invalid.includes(name) || absent.includes(name))
          const errors = errorsOf(given)
          const reported = names.filter(name =>
            errors.some(error =>
              error.startsWith(`${name} ${absent.includes(name) ? 'is not set' : 'must '}`),
            ),
          )
          return errors.length === expected.length && reported.join() === expected.join()
        },
      ),
      { numRuns: 300 },
    )
  })

  test('random environments → errors quote no value, and nothing is thrown', t => {
    const value = fc.oneof(
      text,
      fc
        .tuple(fc.constantFrom(...names).chain(goodValue), fc.nat(30))
        .map(([word, at]) => word.slice(0, at) + canary + word.slice(at)),
      fc
        .constantFrom('https://user:', 'https://', 'postgres://', 'login=', '')
        .map(before => `${before}${canary}`),
      fc.constantFrom('production', 'off', '*', '__proto__', 'constructor', exampleSecret, '0', '-1', '1e3'),
    )
    const env = fc.dictionary(
      fc.oneof(fc.constantFrom<string>(...names), fc.string({ maxLength: 9 })),
      value,
      {
        maxKeys: 30,
      },
    )
    const rules = new Set(names.map(name => errorsOf({ ...minimalEnv, [name]: canary })[0] ?? ''))
    const known = (error: string) =>
      names.includes(nameOf(error)) &&
      (rules.has(error) ||
        /^[A-Z_]+ (?:\(secret \d of \d\) )?(is not set(\. Set all three secrets of the shop, or none)?|must (not )?(be|have|list) .*|must begin with https:.*|is too easy to guess\. Generate one: openssl rand -base64 32)$/.test(
          error,
        ))
    fc.assert(
      fc.property(env, given => {
        const result = read({ ...given })
        if ('config' in result) return true
        return (
          result.errors.length > 0 && result.errors.every(error => known(error) && !error.includes(canary))
        )
      }),
      { numRuns: 1500 },
    )
    t.pass()
  })

  // Weak and strong values of a variable. Production rejects the weak ones.
  const graded = (name: string, weak: fc.Arbitrary<string>, strong: fc.Arbitrary<string>) =>
    fc.oneof(
      weak.map(value => ({ name, value, isWeak: true })),
      strong.map(value => ({ name, value, isWeak: false })),
    )
  const over = (scheme: string) => urls.base.map(at => at.replace(/^https?:/, scheme))
  const fewLetters = fc.string({ unit: fc.constantFrom(...'abcdefghijk'), minLength: 32, maxLength: 64 })

  const weakSecret = fc.oneof(fewLetters, fc.constant(exampleSecret))
  // One weak secret alone, or before or after a strong one.
  const weakSecrets = fc.oneof(
    weakSecret,
    fc.tuple(weakSecret, fc.constant(minimalEnv.APP_SECRET)).map(pair => pair.join(',')),
    fc.tuple(fc.constant(minimalEnv.APP_SECRET), weakSecret).map(pair => pair.join(',')),
  )

  test('production with random weak values → every weak variable is reported, and no other', t => {
    const world = fc.tuple(
      graded('APP_SECRET', weakSecrets, goodValue('APP_SECRET')),
      graded('PUBLIC_URL', fc.oneof(fc.constant(''), over('http:')), over('https:')),
      graded('FRONTEND_URL', over('http:'), fc.oneof(fc.constant(''), over('https:'))),
      graded('RATE_LIMITS', fc.constant('off'), fc.constantFrom('', 'login=1/1m')),
      graded('BCRYPT_COST', fc.constantFrom('4', '9'), fc.constantFrom('', '10', '16')),
    )
    const checkErrors = (given: { name: string; value: string; isWeak: boolean }[]) => {
      const env = { ...minimalEnv, ...Object.fromEntries(given.map(({ name, value }) => [name, value])) }
      const weak = given
        .filter(({ isWeak }) => isWeak)
        .map(({ name }) => name)
        .sort()
      t.deepEqual(
        errorsOf({ ...env, NODE_ENV: 'production' })
          .map(nameOf)
          .sort(),
        weak,
      )
      t.deepEqual(
        errorsOf({ ...env, NODE_ENV: undefined })
          .map(nameOf)
          .sort(),
        weak,
      )
      const isExample = (env.APP_SECRET ?? '').split(',').includes(exampleSecret)
      t.deepEqual(errorsOf({ ...env, NODE_ENV: 'development' }).map(nameOf), isExample ? ['APP_SECRET'] : [])
    }
    fc.assert(fc.property(world, checkErrors), { numRuns: 300 })
  })
}

{
  const forms: Record<string, unknown> = {
    'redis://localhost': { kind: 'single', tls: false, at: { host: 'localhost', port: 6379 }, db: 0 },
    'redis://localhost:6380/2': { kind: 'single', tls: false, at: { host: 'localhost', port: 6380 }, db: 2 },
    'redis://localhost/': { kind: 'single', tls: false, at: { host: 'localhost', port: 6379 }, db: 0 },
    'redis://app:a%2Fb%3Ac@[::1]:6379': {
      ...{ kind: 'single', tls: false, username: 'app', password: 'a/b:c' },
      ...{ at: { host: '::1', port: 6379 }, db: 0 },
    },
    'rediss://:a,b@redis.example.com': {
      ...{ kind: 'single', tls: true, password: 'a,b', at: { host: 'redis.example.com', port: 6379 }, db: 0 },
    },
    'redis://:a@b@localhost': {
      ...{ kind: 'single', tls: false, password: 'a@b', at: { host: 'localhost', port: 6379 }, db: 0 },
    },
    'redis://:word@h1:7000, redis://h2:7001,redis://:word@h3': {
      ...{ kind: 'cluster', tls: false, password: 'word' },
      nodes: [
        { host: 'h1', port: 7000 },
        { host: 'h2', port: 7001 },
        { host: 'h3', port: 6379 },
      ],
    },
    'rediss+cluster://app:word@seed.example.com:7000': {
      ...{ kind: 'cluster', tls: true, username: 'app', password: 'word' },
      nodes: [{ host: 'seed.example.com', port: 7000 }],
    },
    'redis+sentinel://:word@h1:26380,h2/my%20master': {
      ...{ kind: 'sentinel', tls: false, password: 'word', master: 'my master', db: 0 },
      sentinels: [
        { host: 'h1', port: 26380 },
        { host: 'h2', port: 26379 },
      ],
    },
    'unix:///run/redis/redis.sock': {
      ...{ kind: 'single', tls: false, at: { path: '/run/redis/redis.sock' }, db: 0 },
    },
    'unix://app:a%2Fb@/run/redis.sock?db=2': {
      ...{
        kind: 'single',
        tls: false,
        username: 'app',
        password: 'a/b',
        at: { path: '/run/redis.sock' },
        db: 2,
      },
    },
    'redis+unix://:word@/run/redis.sock': {
      ...{ kind: 'single', tls: false, password: 'word', at: { path: '/run/redis.sock' }, db: 0 },
    },
    'rediss+sentinel://h1/main/3?sentinelUsername=s&sentinelPassword=p%2Bq': {
      ...{ kind: 'sentinel', tls: true, master: 'main', db: 3, sentinels: [{ host: 'h1', port: 26379 }] },
      ...{ sentinelUsername: 's', sentinelPassword: 'p+q' },
    },
  }

  for (const [text, address] of Object.entries(forms))
    test(`REDIS_URL=${text} → parsed into its parts`, t => {
      t.deepEqual(parseRedisUrl(text), address as ReturnType<typeof parseRedisUrl>)
    })

  const refused: Record<string, RegExp> = {
    '5ecret': /redis:\/\/host/,
    'http://:5ecret@host': /redis:\/\/host/,
    'redis://': /redis:\/\/host/,
    'redis://:5ecret@': /redis:\/\/host/,
    'redis:5ecret': /redis:\/\/host/,
    'redis://:5ecret@host:99999': /redis:\/\/host/,
    'redis://:5ecret@host:0': /redis:\/\/host/,
    'redis://:5ecret@host/five': /redis:\/\/host/,
    'redis://:5ecret@h1:7000,h2:7001': /redis:\/\/host/,
    'redis://:5ecret@h1,redis+sentinel://h2/main': /redis:\/\/host/,
    'redis://:5ecret%@host': /percent-encoded/,
    'redis://:5ecret@host?commandTimeout=0': /options/,
    'redis+sentinel://:5ecret@h1/main?tls=false': /options/,
    'redis+sentinel://:5ecret@h1,h2': /master name/,
    'redis+sentinel://:5ecret@h1/main/0/1': /redis:\/\/host/,
    'redis://:5ecret@h1:7000/0,redis://h2:7001': /database/,
    'redis+cluster://:5ecret@h1:7000/1': /database/,
    'redis://:5ecret@h1,redis://:another5ecret@h2': /same user and password/,
    'redis://:5ecret@h1,rediss://h2': /same protocol/,
    'unix://:5ecret@host/run/redis.sock': /unix:\/\//,
    'unix://:5ecret@/run/redis.sock?timeout=1': /unix:\/\//,
    'unix://5ecret': /unix:\/\//,
    'unix://:5ecret%@/run/redis.sock': /percent-encoded/,
  }

  for (const [text, reason] of Object.entries(refused))
    test(`REDIS_URL=${text} → rejected, and the error does not quote it`, t => {
      const secret = 'of-tests-alone-7Gk2vQx9LmZr4TbY8wNc'
      const env = {
        NODE_ENV: 'test',
        DATABASE_URL: 'postgres://localhost/app',
        APP_SECRET: secret,
        REDIS_URL: text,
      }
      const read = readConfig(env, 'api')
      const errors = 'errors' in read ? read.errors : []
      t.is(errors.length, 1)
      t.regex(errors[0] ?? '', /^REDIS_URL must /)
      t.regex(errors[0] ?? '', reason)
      t.notRegex(errors[0] ?? '', /5ecret/)
    })
}

{
  const read = (name: string): Promise<string> => readFile(join(import.meta.dirname, '../..', name), 'utf8')

  const toReplace = { APP_SECRET: minimalEnv.APP_SECRET, PUBLIC_URL: 'https://id.example.com' }

  test('.env.example with a new secret and URL → valid, and its comments show the defaults', async t => {
    const text = await read('.env.example')
    const plain = readConfig({ ...parseEnv(text), ...toReplace }, 'worker')
    t.true('config' in plain)
    const uncommented = { ...parseEnv(text.replace(/^# ([A-Z][A-Z_]*=)/gm, '$1')), ...toReplace }
    t.deepEqual(Object.keys(uncommented).sort(), Object.keys(variables).sort())
    // These variables have no default, so their comment shows an example.
    const ofTheme = Object.keys(themeVariables).filter(name => name !== 'BRAND_NAME')
    const shown = [
      'FRONTEND_URL',
      'METRICS_PORT',
      'RATE_LIMITS',
      'WEBAUTHN_RP_ID',
      ...ofTheme,
      ...shopSecrets,
    ]
    const defaults = Object.entries(uncommented).filter(([name]) => !shown.includes(name))
    t.deepEqual(readConfig(Object.fromEntries(defaults), 'worker'), plain)
  })

  for (const name of ['api', 'worker', 'migrate'] as const)
    test(`${name} with an unchanged .env.example → exits with 78 and names what to replace`, t => {
      const root = join(import.meta.dirname, '../..')
      const words = ['--env-file=.env.example', `src/${name}.ts`]
      const { status, stdout, stderr } = spawnSync(process.execPath, words, {
        ...{ cwd: root, env: programEnv, encoding: 'utf8' },
      })
      const errors = ['APP_SECRET must not be the example. Generate one: openssl rand -base64 32']
      if (name !== 'migrate') errors.push('PUBLIC_URL must begin with https:// if NODE_ENV is production')
      t.deepEqual([status, stdout], [78, ''])
      t.is(stderr, configErrorText(errors))
    })

  test('every variable has its own help text, which is a sentence', t => {
    const helps = Object.values(variables).map(({ help }) => help)
    t.is(new Set(helps).size, helps.length)
    for (const name of Object.keys(variables)) t.regex(variables[name]?.help ?? '', /^\S.*\.$/, name)
  })
}
