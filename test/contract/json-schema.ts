// As much of JSON Schema (2020-12) as the document of the API uses. A keyword that is not known here is an error,
// so that nothing passes because nobody looked at it.

type Schema = { readonly [keyword: string]: unknown }

/** Where a `$ref` leads. */
export type Resolve = (ref: string) => Schema

const formats: Record<string, RegExp> = {
  uuid: /^[\da-f]{8}-[\da-f]{4}-[1-8][\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/,
  email: /^[^\s@]+@[^\s@]+\.[^\s@]+$/,
  'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/,
  'uri-reference': /^\S+$/,
  uri: /^[a-z]+:\S+$/,
  password: /^/,
}

const typeOf = (value: unknown): string => {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return Number.isInteger(value) ? 'integer' : typeof value
}

type Check = (rule: never, value: never, at: string, resolve: Resolve, schema: Schema) => string[]

const fault = (wrong: boolean, at: string, words: string): string[] => (wrong ? [`${at} ${words}`] : [])

const silent: Check = () => []

const checks: Record<string, Check> = {
  description: silent,
  type: (type: string, value: unknown, at) =>
    fault(typeOf(value) !== type && !(type === 'number' && typeOf(value) === 'integer'), at, `is no ${type}`),
  const: (wanted: unknown, value: unknown, at) => fault(value !== wanted, at, `is not ${wanted}`),
  enum: (wanted: unknown[], value: unknown, at) => fault(!wanted.includes(value), at, `is none of ${wanted}`),
  format: (name: string, value: string, at) =>
    fault(!(formats[name] ?? /(?!)/).test(value), at, `has not the format ${name}`),
  pattern: (shape: string, value: string, at) =>
    fault(!new RegExp(shape, 'u').test(value), at, 'breaks its pattern'),
  minLength: (least: number, value: string, at) => fault([...value].length < least, at, 'is too short'),
  maxLength: (most: number, value: string, at) => fault([...value].length > most, at, 'is too long'),
  minimum: (least: number, value: number, at) => fault(value < least, at, 'is too small'),
  maximum: (most: number, value: number, at) => fault(value > most, at, 'is too large'),
  minItems: (least: number, value: unknown[], at) => fault(value.length < least, at, 'has too few items'),
  maxItems: (most: number, value: unknown[], at) => fault(value.length > most, at, 'has too many items'),
  required: (names: string[], value: object, at) =>
    names.flatMap(name => fault(!Object.hasOwn(value, name), `${at}.${name}`, 'is missing')),
  properties: (schemas: Record<string, Schema>, value: Record<string, unknown>, at, resolve) =>
    Object.entries(schemas).flatMap(([name, schema]) =>
      Object.hasOwn(value, name) ? faultsOf(schema, value[name], `${at}.${name}`, resolve) : [],
    ),
  additionalProperties: (allowed: boolean | Schema, value: object, at, resolve, { properties = {} }) =>
    Object.entries(value)
      .filter(([name]) => !(name in (properties as object)))
      .flatMap(([name, each]) =>
        typeof allowed === 'object'
          ? faultsOf(allowed, each, `${at}.${name}`, resolve)
          : fault(!allowed, `${at}.${name}`, 'is unknown'),
      ),
  propertyNames: (schema: Schema, value: object, at, resolve) =>
    Object.keys(value).flatMap(name => faultsOf(schema, name, `${at}.${name}`, resolve)),
  items: (schema: Schema, value: unknown[], at, resolve) =>
    value.flatMap((item, i) => faultsOf(schema, item, `${at}[${i}]`, resolve)),
  allOf: (schemas: Schema[], value: unknown, at, resolve) =>
    schemas.flatMap(schema => faultsOf(schema, value, at, resolve)),
  anyOf: (schemas: Schema[], value: unknown, at, resolve) => {
    const all = schemas.map(schema => faultsOf(schema, value, at, resolve))
    return all.some(faults => faults.length === 0) ? [] : all.flat()
  },
  $ref: (ref: string, value: unknown, at, resolve) => faultsOf(resolve(ref), value, at, resolve),
}

/** What of a value its schema does not describe; nothing where all of it is described. */
export const faultsOf = (schema: Schema, value: unknown, at: string, resolve: Resolve): string[] => {
  const wrongType = schema.type === undefined ? [] : run('type', schema, value, at, resolve)
  if (wrongType.length > 0) return wrongType
  return Object.keys(schema).flatMap(keyword => run(keyword, schema, value, at, resolve))
}

const run = (keyword: string, schema: Schema, value: unknown, at: string, resolve: Resolve): string[] => {
  const check = checks[keyword]
  if (!check) throw new Error(`${at}: the keyword "${keyword}" is not known to this test`)
  return check(schema[keyword] as never, value as never, at, resolve, schema)
}

/** Properties of a value that its schema never names: what a reader of the document would not expect. */
export const unnamed = (schema: Schema, value: unknown, at: string): string[] => {
  if (Array.isArray(value))
    return schema.items
      ? value.flatMap((item, i) => unnamed(schema.items as Schema, item, `${at}[${i}]`))
      : []
  const { properties, anyOf } = schema as { properties?: Record<string, Schema>; anyOf?: Schema[] }
  if (anyOf)
    return anyOf.map(each => unnamed(each, value, at)).toSorted((a, b) => a.length - b.length)[0] ?? []
  if (typeof value !== 'object' || value === null || !properties) return []
  return Object.entries(value).flatMap(([name, inner]) => {
    const known = properties[name]
    return known ? unnamed(known, inner, `${at}.${name}`) : [`${at}.${name} is not in the document`]
  })
}
