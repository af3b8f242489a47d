import fc from 'fast-check'
import {
  canary,
  extraNames,
  hostileText,
  oddName,
  placeholder,
  withField,
  wrongValues,
} from './fuzz-values.ts'
import type { Schema } from './openapi-check.ts'

// Request bodies for a schema: valid ones, ones at its limits, and hostile or malformed ones.

/** `value` is the parsed text if that is JSON. `isGood` says that the body conforms to the schema. */
export type Body = {
  type: string | null
  text: string
  bytes: 'utf8' | 'latin1'
  value?: unknown
  isGood: boolean
  more: string[]
}

const text = (most = 60) => fc.nat(99).map(n => `${canary} ${n}`.slice(0, most))
const fresh = fc.nat(0xffffff).map(n => `${canary}.${n}@example.com`)

/** Values that vary, hold the canary, or belong to the caller. Other fields have the value of their example. */
const samples: Record<string, fc.Arbitrary<unknown>> = {
  email: fc.oneof(fresh, fc.constant(placeholder('email'))),
  new_email: fresh,
  recipient: fresh,
  password: fc.constant(placeholder('password')),
  current_password: fc.constant(placeholder('password')),
  new_password: fc.nat(9999).map(n => `purple ${n} wagons ${canary}`),
  refresh_token: fc.constantFrom(placeholder('refresh'), `lkr_${canary}`),
  token: fc.constantFrom(placeholder('token'), placeholder('token'), `lkp_${canary}`),
  code: fc.nat(999_999).map(n => String(n).padStart(6, '0')),
  full_name: text(),
  address: text(),
  name: text(),
  description: text(),
  search: text(),
  phone: fc.constantFrom('+442071234567', '020 7123 4567'),
  preferred_language: fc.constantFrom('en', 'pt-BR', 'ar'),
  price: fc.integer({ min: 1, max: 100_000_000 }),
  image_url: fc.constant(`https://${canary}.example/b`),
  picture_url: fc.constant(`https://${canary}.example/a`),
  user_id: fc.constantFrom(placeholder('userId'), placeholder('victimId')),
  limit: fc.constantFrom('1', '10', '100'),
  // The default PUBLIC_URL of a test world: any other address must be configured first.
  audience: fc.constant('http://latchkey.test'),
}

type Known = {
  type?: string
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  items?: Schema
  pattern?: string
  minLength?: number
  maxLength?: number
  properties?: Record<string, Schema>
  required?: string[]
}

/** A value that conforms to a schema. */
export const goodValue = (name: string, schema: Schema, example?: unknown): fc.Arbitrary<unknown> => {
  const { type, anyOf, items, pattern, maxLength, ...known } = schema as Known
  if (known.enum) return fc.constantFrom(...known.enum)
  if ('const' in known) return fc.constant(known.const)
  if (anyOf) return fc.oneof(...anyOf.map(each => goodValue(name, each, example)))
  if (type === 'object') return goodObject(schema, example as Fields)
  if (type === 'array') return fc.array(goodValue(name, items ?? {}), { minLength: 1, maxLength: 3 })
  if (type === 'boolean') return fc.boolean()
  if (type === 'null') return fc.constant(null)
  if (samples[name]) return samples[name]
  if (pattern) return fc.stringMatching(new RegExp(pattern))
  return example === undefined ? text(maxLength) : fc.constant(example)
}

type Fields = Record<string, unknown>

const goodObject = (schema: Schema, example: Fields = {}): fc.Arbitrary<Fields> => {
  const { anyOf, properties = {}, required = [] } = schema as Known
  if (anyOf) return fc.oneof(...anyOf.map(each => goodObject(each, example)))
  const fields = Object.entries(properties).map(([name, field]) => [
    name,
    goodValue(name, field, example[name]),
  ])
  return fc.record<Fields>(Object.fromEntries(fields), { requiredKeys: required })
}

const json = 'application/json'
const jsonOf = (value: unknown, isGood = false): Body => ({
  type: json,
  text: JSON.stringify(value),
  bytes: 'utf8',
  value,
  isGood,
  more: [],
})
const raw = (whole: string, bytes: Body['bytes'] = 'utf8'): Body => ({
  type: json,
  text: whole,
  bytes,
  isGood: false,
  more: [],
})

const malformed = (whole: string, at: number, kind: number): Body => {
  const kinds: (() => Body)[] = [
    () => raw(whole.slice(0, at % (whole.length || 1))),
    () => raw(`${whole.slice(0, -1)},}`),
    () => raw(`\uFEFF${whole}`),
    () => raw(`${whole}${whole}`),
    () =>
      raw(
        `${whole.slice(0, -1)},"email":"${canary}@example.com","email":"b@example.com","token":1,"token":"${canary}"}`,
      ),
    () => raw(`${whole.slice(0, at % (whole.length || 1))}\xff\xfe${canary}`, 'latin1'),
    () => raw(`// ${canary}\n${whole}`),
    () => raw(whole.replaceAll('"', "'")),
    () => raw(`{"a":${'['.repeat(5000)}`),
    () => raw(`{"a":${'{"a":'.repeat(1500)}1${'}'.repeat(1500)}}`),
    () => raw(`{"${oddName}":NaN}`),
    () => raw(`{"${oddName}":"${'x'.repeat(17_000)}"}`),
    () => raw(whole.replace(/":"/g, '":"\\u0000')),
    () => ({ ...raw(whole), type: null }),
    () => ({ ...raw(whole), type: `text/plain; ${canary}` }),
    () => ({ ...raw(whole), type: `${json}; charset=utf-16` }),
    () => ({ ...raw(whole), type: `${json}, ${json}` }),
    () => ({ ...raw(whole), type: 'application/x-www-form-urlencoded' }),
    () => ({ ...raw(whole), type: `multipart/form-data; boundary=${canary}` }),
    () => ({ ...raw(whole), more: ['Content-Encoding: gzip'] }),
    () => ({ ...raw(whole), more: [`Content-Encoding: ${canary}`] }),
    () => ({ ...raw(whole), more: ['Content-Encoding: br, deflate'] }),
  ]
  return (kinds[kind % kinds.length] as () => Body)()
}

const fieldsOf = (schema: Schema): [string, Schema][] => {
  const { anyOf = [], properties = {} } = schema as Known
  return [...anyOf.flatMap(fieldsOf), ...Object.entries(properties)]
}

/** JSON bodies of every kind for this schema. */
export const jsonBody = (schema: Schema, example?: Fields): fc.Arbitrary<Body> => {
  const good = goodObject(schema, example)
  const fields = fieldsOf(schema)
  const [first] = fields
  const field = first ? fc.constantFrom(...fields) : fc.constant<[string, Schema]>(['email', {}])
  const withReplacedField = (values: (of: Schema) => fc.Arbitrary<unknown>) =>
    fc
      .tuple(
        good,
        field.chain(([name, of]) => values(of).map(value => withField(name, value))),
      )
      .map(([all, one]) => jsonOf({ ...all, ...one }))
  const extra = fc.tuple(
    good,
    fc.constantFrom(...extraNames),
    fc.constantFrom(...wrongValues, canary, 'admin'),
  )
  return fc.oneof(
    { weight: 5, arbitrary: good.map(value => jsonOf(value, true)) },
    { weight: 5, arbitrary: withReplacedField(hostileText) },
    { weight: 4, arbitrary: withReplacedField(() => fc.constantFrom(...wrongValues)) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(good, field)
        .map(([all, [name]]) =>
          jsonOf(Object.fromEntries(Object.entries(all).filter(([key]) => key !== name))),
        ),
    },
    {
      weight: 2,
      arbitrary: extra.map(([all, name, value]) => jsonOf({ ...all, ...withField(name, value) })),
    },
    { weight: 1, arbitrary: fc.constantFrom(...wrongValues, canary, '').map(value => jsonOf(value)) },
    {
      weight: 5,
      arbitrary: fc
        .tuple(good, fc.nat(500), fc.nat(99))
        .map(([all, at, kind]) => malformed(JSON.stringify(all), at, kind)),
    },
  )
}
