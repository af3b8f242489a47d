import type { openapi } from '../../platform/api-docs/openapi.ts'
import { isObject, type Json, objectType, quoted, typeOf } from './schema-type.ts'

// The types of `@latchkey/client`, derived from the OpenAPI document.

type Document = ReturnType<typeof openapi>

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
