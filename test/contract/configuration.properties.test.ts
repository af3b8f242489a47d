import test from 'ava'
import fc from 'fast-check'
import { readConfig } from '../../src/base/config.ts'
import { shopSecrets } from '../../src/base/shop-variables.ts'
import { exampleSecret, type VariableName, variables } from '../../src/base/variables.ts'
import { canary, goodValue, sound, urls } from './variable-values.ts'

type Env = Record<string, string | undefined>

const names = Object.keys(variables) as VariableName[]
const isOfShop = (name: VariableName) => (shopSecrets as readonly string[]).includes(name)
const read = (env: Env) => readConfig(env, 'worker')
const faultsOf = (env: Env): string[] => {
  const result = read(env)
  return 'faults' in result ? result.faults : []
}
const configOf = (env: Env) => {
  const result = read(env)
  if ('faults' in result) throw new Error(result.faults.join('\n'))
  return result.config
}
const nameOf = (fault: string) => fault.split(' ')[0] ?? ''

const text = fc.string({ unit: 'binary', maxLength: 11 })
// Without what would make an address or a URL of it, and too short for a secret.
const bad = text.map(tail => `${canary}${tail.replace(/[@:/<>]/g, '')}`)
const picky = names.filter(name => faultsOf({ ...sound, [name]: canary }).length > 0)
const all = fc.record(Object.fromEntries(names.map(name => [name, goodValue(name)])))

test('an environment in which each value is good gives a configuration', t => {
  fc.assert(
    fc.property(all, fc.subarray(names.filter(name => !isOfShop(name))), (env, unset) => {
      const given: Env = { ...env, ...Object.fromEntries(unset.map(name => [name, ''])), ...sound }
      const config = configOf(given)
      return names.every(
        name => Object.hasOwn(config, name) === (given[name] !== '' || 'default' in variables[name]),
      )
    }),
    { numRuns: 200 },
  )
  t.pass()
})

test('every fault is told at once, each by its name and its rule', t => {
  t.deepEqual(names.filter(name => !picky.includes(name)).slice(0, 1), ['HOST'])
  fc.assert(
    fc.property(all, fc.subarray(picky), fc.subarray(picky), bad, (env, broken, unset, value) => {
      const given: Env = { ...env, ...Object.fromEntries(unset.map(name => [name, undefined])) }
      for (const name of broken) given[name] = value
      const isShop = shopSecrets.some(name => given[name] !== undefined)
      const isNeeded = (name: VariableName) => 'needed' in variables[name] || (isShop && isOfShop(name))
      const absent = unset.filter(name => isNeeded(name) && !broken.includes(name))
      const expected = names.filter(name => broken.includes(name) || absent.includes(name))
      const faults = faultsOf(given)
      const told = names.filter(name =>
        faults.some(fault => fault.startsWith(`${name} ${absent.includes(name) ? 'is not set' : 'must '}`)),
      )
      return faults.length === expected.length && told.join() === expected.join()
    }),
    { numRuns: 300 },
  )
})

test('whatever the environment holds, a fault quotes nothing of it and nothing is thrown', t => {
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
  const env = fc.dictionary(fc.oneof(fc.constantFrom<string>(...names), fc.string({ maxLength: 9 })), value, {
    maxKeys: 30,
  })
  const rules = new Set(names.map(name => faultsOf({ ...sound, [name]: canary })[0] ?? ''))
  const known = (fault: string) =>
    names.includes(nameOf(fault) as VariableName) &&
    (rules.has(fault) ||
      /^[A-Z_]+ (is not set|must (not )?be.*|must begin with https:.*|is too easy to guess)$/.test(fault))
  fc.assert(
    fc.property(env, given => {
      const result = read({ ...given })
      if ('config' in result) return true
      return result.faults.length > 0 && result.faults.every(fault => known(fault) && !fault.includes(canary))
    }),
    { numRuns: 1500 },
  )
  t.pass()
})

// Some values of a variable, and whether production refuses them.
const graded = (name: VariableName, weak: fc.Arbitrary<string>, strong: fc.Arbitrary<string>) =>
  fc.oneof(
    weak.map(value => ({ name, value, isWeak: true })),
    strong.map(value => ({ name, value, isWeak: false })),
  )
const over = (scheme: string) => urls.base.map(at => at.replace(/^https?:/, scheme))
const fewLetters = fc.string({ unit: fc.constantFrom(...'abcdefghijk'), minLength: 32, maxLength: 64 })

test('production refuses what is weak, all of it at once, and nothing else', t => {
  const world = fc.tuple(
    graded('APP_SECRET', fc.oneof(fewLetters, fc.constant(exampleSecret)), goodValue('APP_SECRET')),
    graded('PUBLIC_URL', fc.oneof(fc.constant(''), over('http:')), over('https:')),
    graded('FRONTEND_URL', over('http:'), fc.oneof(fc.constant(''), over('https:'))),
    graded('RATE_LIMITS', fc.constant('off'), fc.constantFrom('', 'login=1/1m')),
    graded('BCRYPT_COST', fc.constantFrom('4', '9'), fc.constantFrom('', '10', '16')),
  )
  const holds = (given: { name: string; value: string; isWeak: boolean }[]) => {
    const env = { ...sound, ...Object.fromEntries(given.map(({ name, value }) => [name, value])) }
    const weak = given.filter(({ isWeak }) => isWeak).map(({ name }) => name)
    t.deepEqual(faultsOf({ ...env, NODE_ENV: 'production' }).map(nameOf), weak)
    t.deepEqual(faultsOf({ ...env, NODE_ENV: 'development' }), [])
  }
  fc.assert(fc.property(world, holds), { numRuns: 300 })
})
