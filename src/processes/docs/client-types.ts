import type { openapi } from '../../platform/api-docs/openapi.ts'

// The types of `@latchkey/client`, derived from the OpenAPI document. The output has the format of Biome.

type Json = Record<string, unknown>
type Document = ReturnType<typeof openapi>

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const quoted = (text: string): string => `'${text.replace(/['\\]/g, '\\$&')}'`
const keyOf = (name: string): string => (/^(?:[A-Za-z_]\w*|\d+)$/.test(name) ? name : quoted(name))
const widest = 110

/** A union on one line if it fits behind `before`, else on a line for each member. */
const union = (members: readonly string[], indent: string, before: number): string => {
  const line = members.join(' | ')
  if (before + line.length <= widest && !line.includes('\n')) return line
  return members.map(member => `\n${indent}  | ${member}`).join('')
}

const indexType = (values: unknown, indent: string): string =>
  `Record<string, ${isObject(values) && Object.keys(values).length > 0 ? typeOf(values, indent, widest) : 'unknown'}>`

const objectType = (schema: Json, indent: string): string => {
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
const typeOf = (schema: Json, indent: string, before: number): string => {
  const { $ref, const: only, enum: values, anyOf, type, items } = schema
  if (typeof $ref === 'string') return $ref.split('/').at(-1) ?? ''
  if (only !== undefined) return typeof only === 'string' ? quoted(only) : String(only)
  if (Array.isArray(values)) return union(values.map(quoted), indent, before)
  if (Array.isArray(anyOf))
    return union(
      anyOf.map(each => typeOf(each as Json, `${indent}    `, widest)),
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

const contentOf = (part: unknown, mediaType: string): Json | null => {
  const content = isObject(part) && isObject(part.content) ? part.content[mediaType] : null
  return isObject(content) && isObject(content.schema) ? content.schema : null
}

const parametersIn = (operation: Json, place: string): Json | null => {
  const all = ((operation.parameters ?? []) as Json[]).filter(each => each.in === place)
  if (all.length === 0) return null
  const required = all.filter(each => each.required === true).map(({ name }) => name)
  return {
    type: 'object',
    required,
    properties: Object.fromEntries(all.map(({ name, schema }) => [name, schema])),
  }
}

/** Replies with JSON or without a body. A route that shows a page or redirects is not for a client. */
const repliesOf = (operation: Json): Json | null => {
  const found = Object.entries(operation.responses as Json).filter(([status]) => Number(status) < 400)
  const replies = found.map(([status, reply]) => {
    const { content } = reply as Json
    if (!content) return Number(status) < 300 ? [status, { type: 'empty' }] : null
    const schema = contentOf(reply, 'application/json')
    return schema && [status, schema]
  })
  if (replies.length === 0 || replies.includes(null)) return null
  return {
    type: 'object',
    required: found.map(([status]) => status),
    properties: Object.fromEntries(replies as [string, Json][]),
  }
}

const bodyOf = (operation: Json): Json | null | undefined => {
  if (!operation.requestBody) return undefined
  return contentOf(operation.requestBody, 'application/json')
}

const routeType = (name: string, operation: Json): string[] => {
  const [replies, body] = [repliesOf(operation), bodyOf(operation)]
  if (!replies || body === null) return []
  const members = {
    params: parametersIn(operation, 'path'),
    query: parametersIn(operation, 'query'),
    body,
    replies,
  }
  const properties = Object.fromEntries(Object.entries(members).filter(([, schema]) => schema))
  const schema = { type: 'object', required: Object.keys(properties), properties }
  return [`  ${quoted(name)}: ${objectType(schema, '  ')}`]
}

/** Named schemas that these texts use, and those that they use in turn. */
const usedIn = (texts: readonly string[], named: ReadonlyMap<string, string>): Set<string> => {
  const used = new Set<string>()
  const visit = (text: string): void => {
    for (const [word] of text.matchAll(/\b[A-Z]\w*\b/g)) {
      const type = named.get(word)
      if (type === undefined || used.has(word)) continue
      used.add(word)
      visit(type)
    }
  }
  texts.forEach(visit)
  return used
}

/** The module with the types of every route that has JSON replies. */
export const clientTypes = (document: Document): string => {
  const { paths, components } = document as { paths: Record<string, Json>; components: { schemas: Json } }
  const routes = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, operation]) =>
      routeType(`${method.toUpperCase()} ${path}`, operation as Json),
    ),
  )
  const named = new Map(
    Object.entries(components.schemas).map(([name, schema]) => {
      const start = `export type ${name} =`
      const text = typeOf(schema as Json, '', start.length + 1)
      return [name, text.startsWith('\n') ? start + text : `${start} ${text}`]
    }),
  )
  const used = usedIn([...routes, 'FieldError', 'ProblemCode'], named)
  const types = [...named].filter(([name]) => used.has(name)).map(([, text]) => text)
  return [
    '// Derived from the routes of the service by `npm run docs`. Do not edit it.',
    ...types,
    `/** Every route with a JSON reply, by method and path. */\nexport type Routes = {\n${routes.join('\n')}\n}\n`,
  ].join('\n\n')
}
