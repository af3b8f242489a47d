import { withoutRefs } from '../../src/platform/api-docs/openapi-schemas.ts'
import { schemaErrors, undeclaredProperties } from './json-schema.ts'

// Reads the OpenAPI document, and checks whether a reply conforms to it.

export type Schema = { readonly [keyword: string]: unknown }
type Content = Record<string, { schema: Schema; example?: Record<string, unknown> }>
export type Parameter = { name: string; in: 'query' | 'path' | 'header'; schema: Schema; example?: unknown }
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

/** Returns the document with every `$ref` replaced by its schema. */
export const readDocument = (body: Document): Document => withoutRefs(body)

const unresolvedRef = (ref: string): Schema => {
  throw new Error(`${ref} is an unresolved reference in the document`)
}

/** The ways in which a value violates a schema of the document. */
export const bodyErrors = (schema: Schema, value: unknown, at: string): string[] =>
  schemaErrors(schema, value, at, unresolvedRef)

type Replied = { status: number; header: (name: string) => string | null; text: string; body: unknown }

/** Headers that clients act on. A reply may carry one only if the document lists it. */
const documentedHeaders = [
  ...['Location', 'RateLimit', 'RateLimit-Policy', 'Retry-After', 'Set-Cookie', 'WWW-Authenticate'],
  'X-Request-Id',
  ...['X-Auth-User', 'X-Auth-Email', 'X-Auth-Roles', 'X-Auth-Session', 'X-Auth-Client', 'X-Auth-Scope'],
]

const undocumentedHeaders = ({ headers = {} }: Response, { status, header }: Replied): string[] =>
  documentedHeaders
    .filter(name => header(name) !== null && !(name in headers))
    .map(name => `the header ${name} of ${status} is not in the document`)

const undocumentedCode = ({ 'x-problem-codes': codes = [] }: Response, { body }: Replied): string[] => {
  const { code } = body as { code: string }
  return codes.includes(code) ? [] : [`the code ${code} is not in the document`]
}

/** The ways in which a reply violates the document: status, headers, content type, problem code or schema. */
export const replyErrors = (operation: Operation, reply: Replied): string[] => {
  const { status, header, text, body } = reply
  const response = operation.responses[status]
  if (!response) return [`${status} is not in the document: ${text}`]
  const headers = undocumentedHeaders(response, reply)
  if (!response.content) return text === '' ? headers : [`${status} should have no content`]
  const [type = ''] = (header('content-type') ?? '').split(';')
  const schema = response.content[type]?.schema
  if (!schema) return [`${status} as "${type}" is not in the document`]
  const value = body ?? text
  const isProblem = type === 'application/problem+json'
  return [
    ...headers,
    ...bodyErrors(schema, value, 'reply'),
    ...undeclaredProperties(schema, value, 'reply'),
    ...(isProblem ? undocumentedCode(response, reply) : []),
  ]
}
