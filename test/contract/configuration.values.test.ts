import test from 'ava'
import fc from 'fast-check'
import { readConfig } from '../../src/base/config.ts'
import { parseDuration } from '../../src/base/duration.ts'
import { defaultLimits, type LimitName, limitNames, parseLimits } from '../../src/base/limits.ts'
import { baseUrl, origin, parsedBy } from '../../src/base/variable-rules.ts'
import { goodValue, sound, spans, units, urls } from './variable-values.ts'

const text = fc.string({ unit: 'binary', maxLength: 11 })

const read = (env: Record<string, string>) => {
  const result = readConfig({ ...sound, ...env }, 'worker')
  const config: Record<string, unknown> = 'config' in result ? result.config : {}
  return { config, faults: 'faults' in result ? result.faults : [] }
}

for (const [name, [least, most]] of Object.entries(spans))
  test(`${name} is what was written, in milliseconds, and has two ends`, t => {
    const property = fc.property(goodValue(name), value => {
      const [, amount = '', unit = ''] = /^(\d+)(\D+)$/.exec(value) ?? []
      const { config } = read({ [name]: value })
      return config[name] === Number(amount) * units[unit as keyof typeof units]
    })
    fc.assert(property)
    for (const end of [`${least}ms`, `${most / units.h}h`]) t.deepEqual(read({ [name]: end }).faults, [])
    const beyond = fc.oneof(
      fc.integer({ min: 1, max: least - 1 }).map(ms => `${ms}ms`),
      fc.integer({ min: most / 1000 + 1, max: 999_999_999 }).map(s => `${s}s`),
    )
    const refused = ([fault = '', ...more]: string[]) =>
      fault.startsWith(`${name} must `) && more.length === 0
    fc.assert(fc.property(beyond, value => refused(read({ [name]: value }).faults)))
  })

test('a duration is an amount and a unit and nothing besides', t => {
  const unit = fc.constantFrom(...Object.keys(units))
  const amount = fc.integer({ min: 1, max: 999_999_999 })
  fc.assert(
    fc.property(amount, unit, (n, u) => parseDuration(`${n}${u}`) === n * units[u as keyof typeof units]),
  )
  const spoilt = fc.tuple(
    fc.constantFrom('0', '-1', '+1', ' 1', '1.5', '1e3', '01', '', '1234567890', '１', '1\n'),
    unit,
  )
  fc.assert(fc.property(spoilt, ([n, u]) => parseDuration(n + u) === null))
  fc.assert(fc.property(amount, text, (n, tail) => tail in units || parseDuration(`${n}${tail}`) === null))
  t.pass()
})

type Line = [LimitName, number, number, 's' | 'm' | 'h']
const line: fc.Arbitrary<Line> = fc.tuple(
  fc.constantFrom(...limitNames),
  fc.integer({ min: 1, max: 9_999_999 }),
  fc.integer({ min: 1, max: 500 }),
  fc.constantFrom('s', 'm', 'h'),
)
const write = (lines: Line[]) =>
  lines.map(([name, points, n, unit]) => `${name}=${points}/${n}${unit}`).join(',')

test('limits are the defaults with these lines over them, the last of two of one name', t => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 12 }), lines => {
      const expected = structuredClone(defaultLimits)
      for (const [name, points, n, unit] of lines)
        Object.assign(expected[name], { points, window: n * units[unit] })
      t.deepEqual(parseLimits(write(lines)), expected)
      const again = Object.entries(expected).map(
        ([name, { points, window }]) => `${name}=${points}/${window / 1000}s`,
      )
      t.deepEqual(parseLimits(again.join(', ')), expected)
    }),
  )
  t.is(parseLimits('off'), 'off')
})

test('one line of limits that is none spoils them all, and changes no default', t => {
  const before = structuredClone(defaultLimits)
  const spoilt = fc.constantFrom(
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
  fc.assert(fc.property(lines, spoilt, (some, wrong) => parseLimits(`${write(some)},${wrong}`) === null))
  fc.assert(fc.property(lines, spoilt, (some, wrong) => parseLimits(`${wrong},${write(some)}`) === null))
  t.deepEqual(defaultLimits, before)
})

test('an origin is kept as it was written, and is nothing but an origin', t => {
  const parse = parsedBy(origin)
  fc.assert(fc.property(urls.origin, fc.constantFrom('', '/'), (at, slash) => parse(at + slash) === at))
  const odd = fc.oneof(
    urls.any,
    text,
    fc.tuple(urls.origin, text).map(parts => parts.join('')),
    urls.origin.map(at => at.toUpperCase()),
  )
  fc.assert(
    fc.property(odd, at => {
      const found = parse(at)
      return (
        found === null ||
        (`${found}/`.startsWith(at) && new URL(found).origin === found && parse(found) === found)
      )
    }),
    { numRuns: 3000 },
  )
  t.pass()
})

test('a base address has one form, with no slash at its end, no query, no fragment, no credentials', t => {
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
