import { withoutRefs } from '../../src/platform/api-docs/openapi-schemas.ts'
import { faultsOf, unnamed } from './json-schema.ts'

// The document of the API, and whether a reply is one that it describes.

export type Schema = { readonly [keyword: string]: unknown }
type Content = Record<string, { schema: Schema }>
export type Parameter = { name: string; in: 'query' | 'path' | 'header'; schema: Schema }
export type Operation = {
  operationId: string
  summary: string
  security: object[]
  parameters?: Parameter[]
  requestBody?: { content: Content }
  responses: Record<string, Response>
}
type Response = { headers?: Record<string, object>; content?: Content; 'x-problem-codes'?: string[] }
export type Document = {
  openapi: string
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}

export const operationsOf = ({ paths }: Document) =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  )

/** The document, with the schema in the place of each reference to one. */
export const readDocument = (body: Document): Document => withoutRefs(body)

const nowhere = (ref: string): Schema => {
  throw new Error(`${ref} is left in the document`)
}

/** What of a value a schema of the document does not allow. */
export const faultsOfBody = (schema: Schema, value: unknown, at: string): string[] =>
  faultsOf(schema, value, at, nowhere)

type Replied = { status: number; header: (name: string) => string | null; text: string; body: unknown }

/** Headers that a client acts on. One that a reply carries must be in the document. */
const documentedHeaders = [
  ...['Location', 'RateLimit', 'RateLimit-Policy', 'Retry-After', 'Set-Cookie', 'WWW-Authenticate'],
  'X-Request-Id',
]

const undescribedHeaders = ({ headers = {} }: Response, { status, header }: Replied): string[] =>
  documentedHeaders
    .filter(name => header(name) !== null && !(name in headers))
    .map(name => `the header ${name} of ${status} is not in the document`)

const undescribedCode = ({ 'x-problem-codes': codes = [] }: Response, { body }: Replied): string[] => {
  const { code } = body as { code: string }
  return codes.includes(code) ? [] : [`the code ${code} is not in the document`]
}

/** What of a reply the document does not say: its status, its headers, its kind of content, or its shape. */
export const undescribed = (operation: Operation, reply: Replied): string[] => {
  const { status, header, text, body } = reply
  const response = operation.responses[status]
  if (!response) return [`${status} is not in the document: ${text}`]
  const headers = undescribedHeaders(response, reply)
  if (!response.content) return text === '' ? headers : [`${status} should have no content`]
  const [type = ''] = (header('content-type') ?? '').split(';')
  const schema = response.content[type]?.schema
  if (!schema) return [`${status} as "${type}" is not in the document`]
  const value = body ?? text
  const isProblem = type === 'application/problem+json'
  return [
    ...headers,
    ...faultsOfBody(schema, value, 'reply'),
    ...unnamed(schema, value, 'reply'),
    ...(isProblem ? undescribedCode(response, reply) : []),
  ]
}
