// A JSON Schema as a TypeScript type, in the format of Biome.

export type Json = Record<string, unknown>

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

export const quoted = (text: string): string => `'${text.replace(/['\\]/g, '\\$&')}'`
const keyOf = (name: string): string => (/^(?:[A-Za-z_]\w*|\d+)$/.test(name) ? name : quoted(name))
const widest = 110

/** The members of a union, with those of unions inside it: a line of its own inside a member would be no type. */
const membersOf = (schema: Json): Json[] =>
  Array.isArray(schema.anyOf) ? (schema.anyOf as Json[]).flatMap(membersOf) : [schema]

/** A union on one line if it fits behind `before`, else on a line for each member. */
const union = (members: readonly string[], indent: string, before: number): string => {
  const line = members.join(' | ')
  if (before + line.length <= widest && !line.includes('\n')) return line
  return members.map(member => `\n${indent}  | ${member}`).join('')
}

const indexType = (values: unknown, indent: string): string =>
  `Record<string, ${isObject(values) && Object.keys(values).length > 0 ? typeOf(values, indent, widest) : 'unknown'}>`

/** The type of an object. `indent` is that of its line. */
export const objectType = (schema: Json, indent: string): string => {
  const { properties, required = [], additionalProperties } = schema
  if (!isObject(properties)) return indexType(additionalProperties, indent)
  const names = Object.keys(properties)
  if (names.length === 0) return 'Record<string, never>'
  const lines = names.map(name => {
    const start = `${indent}  ${keyOf(name)}${(required as string[]).includes(name) ? '' : '?'}:`
    const text = typeOf(properties[name] as Json, `${indent}  `, start.length + 1)
    return text.startsWith('\n') ? start + text : `${start} ${text}`
  })
  return `{\n${lines.join('\n')}\n${indent}}`
}

const byType: Readonly<Record<string, string>> = {
  string: 'string',
  number: 'number',
  integer: 'number',
  boolean: 'boolean',
  null: 'null',
  empty: 'undefined',
}

/** The type of a schema. `before` is the number of characters in front of it on its line. */
export const typeOf = (schema: Json, indent: string, before: number): string => {
  const { $ref, const: only, enum: values, anyOf, type, items } = schema
  if (typeof $ref === 'string') return $ref.split('/').at(-1) ?? ''
  if (only !== undefined) return typeof only === 'string' ? quoted(only) : String(only)
  if (Array.isArray(values)) return union(values.map(quoted), indent, before)
  if (Array.isArray(anyOf))
    return union(
      membersOf(schema).map(each => typeOf(each, `${indent}    `, widest)),
      indent,
      before,
    )
  if (type === 'array') {
    const inner = typeOf((items ?? {}) as Json, indent, before)
    return /^[\w]+$/.test(inner) ? `${inner}[]` : `Array<${inner}>`
  }
  if (type === 'object') return objectType(schema, indent)
  const known = byType[String(type)]
  return known ?? 'unknown'
}
