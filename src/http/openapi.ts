import { toJsonSchema } from '@valibot/to-json-schema'
import * as v from 'valibot'
import { type Code, problemStatus, problemTitle } from '../base/problems.ts'
import type { Auth, ReplySpec, Route, Schema } from './route.ts'

type Json = Record<string, unknown>

const bearerProblems: Code[] = [
  'AUTH_ERROR',
  'INVALID_TOKEN',
  'TOKEN_EXPIRED',
  'SESSION_REVOKED',
  'VALIDATION_ERROR',
  'RATE_LIMIT_EXCEEDED',
]

const impliedByAuth: Record<Auth, readonly Code[]> = {
  none: [],
  optional: bearerProblems,
  bearer: bearerProblems,
  admin: [...bearerProblems, 'FORBIDDEN'],
  refresh: ['INVALID_REFRESH_TOKEN', 'FORBIDDEN', 'RATE_LIMIT_EXCEEDED'],
  either: ['AUTH_ERROR', 'FORBIDDEN', 'VALIDATION_ERROR'],
}

/** Every problem that a route may answer: its own, and those of the steps before its handler. */
export const problemsOf = (route: Route): Code[] => {
  const body: Code[] = route.body ? ['VALIDATION_ERROR', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE'] : []
  const params: Code[] = route.params ? ['NOT_FOUND'] : []
  const limit: Code[] = route.limits.length > 0 ? ['RATE_LIMIT_EXCEEDED'] : []
  const always: Code[] = ['INTERNAL_ERROR', 'SERVICE_UNAVAILABLE']
  return [
    ...new Set([...route.problems, ...impliedByAuth[route.auth], ...body, ...params, ...limit, ...always]),
  ]
}

const jsonSchema = (schema: Schema, typeMode: 'input' | 'output'): Json => {
  const { $schema: _, ...rest } = toJsonSchema(schema, {
    target: 'draft-2020-12',
    typeMode,
    errorMode: 'ignore',
  }) as Json
  return rest
}

const mediaTypes = {
  json: 'application/json',
  form: 'application/x-www-form-urlencoded',
  raw: 'application/json',
}

const bodySchema = (body: Schema, accepts: Route['accepts']): Json =>
  accepts === 'raw'
    ? { type: 'object', description: 'Taken byte by byte, as it was signed.' }
    : jsonSchema(body, 'input')

const requestBody = ({ body, accepts = 'json' }: Route): Json =>
  body
    ? {
        requestBody: {
          required: !v.safeParse(body, {}).success,
          content: { [mediaTypes[accepts]]: { schema: bodySchema(body, accepts) } },
        },
      }
    : {}

const parametersIn = (place: 'query' | 'path' | 'header', schema: Schema | undefined): Json[] => {
  if (!schema) return []
  const { properties = {} } = jsonSchema(schema, 'input') as { properties?: Record<string, Json> }
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path',
    schema: property,
  }))
}

const parameters = ({ query, params, headers }: Route): Json => {
  const all = [
    ...parametersIn('path', params),
    ...parametersIn('query', query),
    ...parametersIn('header', headers),
  ]
  return all.length > 0 ? { parameters: all } : {}
}

/** `/users/:id` as OpenAPI writes it. */
const template = (path: string): string => path.replace(/:(\w+)/g, '{$1}')

const reply = (status: number, spec: ReplySpec): Json => {
  const description = status === 303 ? 'Go on there' : status < 400 ? 'Success' : 'Refused'
  if (spec === 'empty') return { description }
  if (spec === 'html') return { description, content: { 'text/html': { schema: { type: 'string' } } } }
  if (spec === 'redirect')
    return { description, headers: { Location: { schema: { type: 'string', format: 'uri-reference' } } } }
  return { description, content: { 'application/json': { schema: jsonSchema(spec, 'output') } } }
}

const problemReplies = (codes: Code[]): Json => {
  const byStatus = Map.groupBy(codes, problemStatus)
  return Object.fromEntries(
    [...byStatus].map(([status, found]) => [
      status,
      {
        description: found.map(code => `\`${code}\`: ${problemTitle(code)}.`).join('\n\n'),
        content: {
          'application/problem+json': {
            schema: {
              allOf: [{ $ref: '#/components/schemas/Problem' }, { properties: { code: { enum: found } } }],
            },
          },
        },
      },
    ]),
  )
}

const responses = (route: Route): Json => {
  const success = Object.entries(route.replies).map(([status, spec]) => [status, reply(Number(status), spec)])
  const refusals = problemReplies(problemsOf(route))
  const both = Object.fromEntries(success) as Record<string, Json>
  for (const [status, refusal] of Object.entries(refusals) as [string, Json][]) {
    const page = both[status] as { content?: Json } | undefined
    both[status] = page ? { ...refusal, content: { ...page.content, ...(refusal.content as Json) } } : refusal
  }
  return both
}

const security: Record<Auth, Json> = {
  none: { security: [] },
  optional: { security: [{ accessToken: [] }, {}] },
  bearer: { security: [{ accessToken: [] }] },
  admin: { security: [{ accessToken: [] }] },
  refresh: { security: [] },
  either: { security: [{ accessToken: [] }, {}] },
}

const operationId = ({ method, path }: Route): string =>
  `${method.toLowerCase()}-${path
    .replace(/^\/api\/v1\//, '')
    .replace(/[^a-z0-9]+/gi, '-')
    .replace(/^-|-$/g, '')}`

const operation = (route: Route): Json => ({
  operationId: operationId(route),
  tags: [route.path.startsWith('/api/v1/') ? (route.path.split('/')[3] ?? 'auth') : 'service'],
  summary: route.summary,
  ...(route.description && { description: route.description }),
  ...security[route.auth],
  ...parameters(route),
  ...requestBody(route),
  responses: responses(route),
})

const problem = {
  type: 'object',
  description: 'RFC 9457. `code` is stable; `errors` names the fields of a `VALIDATION_ERROR`.',
  required: ['type', 'title', 'status', 'code', 'request_id'],
  properties: {
    type: { type: 'string', format: 'uri-reference' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string' },
    request_id: { type: 'string' },
    retry_after: { type: 'integer', description: 'Seconds.' },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['path', 'rule', 'message'],
        properties: { path: { type: 'string' }, rule: { type: 'string' }, message: { type: 'string' } },
      },
    },
  },
}

/** The OpenAPI 3.1 document of these routes. */
export const openapi = (routes: readonly Route[], publicUrl: string): Json => {
  const paths: Record<string, Json> = {}
  for (const route of routes)
    paths[template(route.path)] = {
      ...paths[template(route.path)],
      [route.method.toLowerCase()]: operation(route),
    }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Latchkey',
      version: '1',
      description: 'Accounts, sessions and signed access tokens for REST APIs.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: publicUrl }],
    paths,
    components: {
      securitySchemes: { accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'PASETO v4.public' } },
      schemas: { Problem: problem },
    },
  }
}
