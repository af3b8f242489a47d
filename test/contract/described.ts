import { faultsOf, unnamed } from './json-schema.ts'

// The document of the API, and whether a reply is one that it describes.

export type Schema = { readonly [keyword: string]: unknown }
type Content = Record<string, { schema: Schema }>
export type Parameter = { name: string; in: 'query' | 'path' | 'header'; schema: Schema }
export type Operation = {
  security: object[]
  parameters?: Parameter[]
  requestBody?: { content: Content }
  responses: Record<string, { content?: Content }>
}
export type Document = {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}

export const operationsOf = ({ paths }: Document) =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  )

export const resolver =
  ({ components }: Document) =>
  (ref: string): Schema => {
    const schema = components.schemas[ref.replace('#/components/schemas/', '')]
    if (!schema) throw new Error(`nothing is at ${ref}`)
    return schema
  }

type Replied = { status: number; headers: Record<string, string>; text: string; body: unknown }

/** What of a reply the document does not say: its status, its kind of content, or its shape. */
export const undescribed = (document: Document, operation: Operation, reply: Replied): string[] => {
  const { status, headers, text, body } = reply
  const response = operation.responses[status]
  if (!response) return [`${status} is not in the document: ${text}`]
  if (!response.content) return text === '' ? [] : [`${status} should have no content`]
  const [type = ''] = (headers['content-type'] ?? '').split(';')
  const schema = response.content[type]?.schema
  if (!schema) return [`${status} as "${type}" is not in the document`]
  const resolve = resolver(document)
  const value = body ?? text
  const whole = type === 'application/problem+json' ? resolve('Problem') : schema
  return [...faultsOf(schema, value, 'reply', resolve), ...unnamed(whole, value, 'reply')]
}
