// The part of JSON Schema (2020-12) that the OpenAPI document uses. An unknown keyword is an error, so that nothing
// passes unchecked.

type Schema = { readonly [keyword: string]: unknown }

/** Returns the schema of a `$ref`. */
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

const errorIf = (wrong: boolean, at: string, message: string): string[] => (wrong ? [`${at} ${message}`] : [])

const silent: Check = () => []

const checks: Record<string, Check> = {
  description: silent,
  type: (type: string, value: unknown, at) =>
    errorIf(
      typeOf(value) !== type && !(type === 'number' && typeOf(value) === 'integer'),
      at,
      `is not of type ${type}`,
    ),
  const: (wanted: unknown, value: unknown, at) => errorIf(value !== wanted, at, `is not ${wanted}`),
  enum: (wanted: unknown[], value: unknown, at) =>
    errorIf(!wanted.includes(value), at, `is not one of ${wanted}`),
  format: (name: string, value: string, at) =>
    errorIf(!(formats[name] ?? /(?!)/).test(value), at, `does not have the format ${name}`),
  pattern: (shape: string, value: string, at) =>
    errorIf(!new RegExp(shape, 'u').test(value), at, 'does not match its pattern'),
  minLength: (least: number, value: string, at) => errorIf([...value].length < least, at, 'is too short'),
  maxLength: (most: number, value: string, at) => errorIf([...value].length > most, at, 'is too long'),
  minimum: (least: number, value: number, at) => errorIf(value < least, at, 'is too small'),
  maximum: (most: number, value: number, at) => errorIf(value > most, at, 'is too large'),
  minItems: (least: number, value: unknown[], at) => errorIf(value.length < least, at, 'has too few items'),
  maxItems: (most: number, value: unknown[], at) => errorIf(value.length > most, at, 'has too many items'),
  required: (names: string[], value: object, at) =>
    names.flatMap(name => errorIf(!Object.hasOwn(value, name), `${at}.${name}`, 'is missing')),
  properties: (schemas: Record<string, Schema>, value: Record<string, unknown>, at, resolve) =>
    Object.entries(schemas).flatMap(([name, schema]) =>
      Object.hasOwn(value, name) ? schemaErrors(schema, value[name], `${at}.${name}`, resolve) : [],
    ),
  additionalProperties: (allowed: boolean | Schema, value: object, at, resolve, { properties = {} }) =>
    Object.entries(value)
      .filter(([name]) => !(name in (properties as object)))
      .flatMap(([name, each]) =>
        typeof allowed === 'object'
          ? schemaErrors(allowed, each, `${at}.${name}`, resolve)
          : errorIf(!allowed, `${at}.${name}`, 'is unknown'),
      ),
  propertyNames: (schema: Schema, value: object, at, resolve) =>
    Object.keys(value).flatMap(name => schemaErrors(schema, name, `${at}.${name}`, resolve)),
  items: (schema: Schema, value: unknown[], at, resolve) =>
    value.flatMap((item, i) => schemaErrors(schema, item, `${at}[${i}]`, resolve)),
  allOf: (schemas: Schema[], value: unknown, at, resolve) =>
    schemas.flatMap(schema => schemaErrors(schema, value, at, resolve)),
  anyOf: (schemas: Schema[], value: unknown, at, resolve) => {
    const all = schemas.map(schema => schemaErrors(schema, value, at, resolve))
    return all.some(errors => errors.length === 0) ? [] : all.flat()
  },
  $ref: (ref: string, value: unknown, at, resolve) => schemaErrors(resolve(ref), value, at, resolve),
}

/** The ways in which a value violates its schema. Empty if it conforms. */
export const schemaErrors = (schema: Schema, value: unknown, at: string, resolve: Resolve): string[] => {
  const wrongType = schema.type === undefined ? [] : run('type', schema, value, at, resolve)
  if (wrongType.length > 0) return wrongType
  return Object.keys(schema).flatMap(keyword => run(keyword, schema, value, at, resolve))
}

const run = (keyword: string, schema: Schema, value: unknown, at: string, resolve: Resolve): string[] => {
  const check = checks[keyword]
  if (!check) throw new Error(`${at}: the keyword "${keyword}" is not supported by this checker`)
  return check(schema[keyword] as never, value as never, at, resolve, schema)
}

/** Properties of a value that its schema does not declare, so that readers of the document do not expect them. */
export const undeclaredProperties = (schema: Schema, value: unknown, at: string): string[] => {
  if (Array.isArray(value))
    return schema.items
      ? value.flatMap((item, i) => undeclaredProperties(schema.items as Schema, item, `${at}[${i}]`))
      : []
  const { properties, anyOf } = schema as { properties?: Record<string, Schema>; anyOf?: Schema[] }
  if (anyOf)
    return (
      anyOf.map(each => undeclaredProperties(each, value, at)).toSorted((a, b) => a.length - b.length)[0] ??
      []
    )
  if (typeof value !== 'object' || value === null || !properties) return []
  return Object.entries(value).flatMap(([name, inner]) => {
    const known = properties[name]
    return known
      ? undeclaredProperties(known, inner, `${at}.${name}`)
      : [`${at}.${name} is not in the document`]
  })
}
