import * as v from 'valibot'
import type { ProblemDefinition } from '../catalog/problem-definition.ts'
import type { Auth } from '../http/auth.ts'
import type { ReplySpec, Route, Schema } from '../http/route.ts'
import { freshnessOf } from './openapi-freshness.ts'
import { headers, replyHeaders, securitySchemes } from './openapi-headers.ts'
import { machineSchemes, oauthError } from './openapi-oauth.ts'
import { problemReplies } from './openapi-problem-replies.ts'
import { problem, problemCode } from './openapi-problems.ts'
import { jsonSchema, openSchemas, routeName, type Schemas } from './openapi-schemas.ts'

type Json = Record<string, unknown>

const mediaTypes = {
  json: 'application/json',
  form: 'application/x-www-form-urlencoded',
  parameters: 'application/x-www-form-urlencoded',
  raw: 'application/json',
}

const bodySchema = (body: Schema, accepts: Route['accepts']): Json =>
  accepts === 'raw'
    ? { type: 'object', description: 'The signature covers these bytes exactly as they are sent.' }
    : jsonSchema(body, 'input')

const requestBody = (route: Route, schemas: Schemas): Json => {
  const { body, accepts = 'json', example } = route
  if (!body) return {}
  const schema = schemas.add(`${routeName(route)}Request`, bodySchema(body, accepts))
  const required = !v.safeParse(body, {}).success
  const content = { [mediaTypes[accepts]]: { schema, example: example?.body } }
  return { requestBody: { required, content } }
}

const parametersIn = (
  place: 'query' | 'path' | 'header',
  schema: Schema | undefined,
  examples: object = {},
): Json[] => {
  if (!schema) return []
  const { properties = {} } = jsonSchema(schema, 'input') as { properties?: Record<string, Json> }
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path',
    schema: property,
    example: (examples as Json)[name],
  }))
}

const parameters = ({ query, params, headers, example, etag }: Route): Json => {
  const all = [
    ...parametersIn('path', params, example?.params),
    ...parametersIn('query', query, example?.query),
    ...parametersIn('header', headers, example?.headers),
  ]
  if (etag) all.push({ name: 'If-None-Match', in: 'header', required: false, schema: { type: 'string' } })
  return all.length > 0 ? { parameters: all } : {}
}

/** `/users/:id` in the notation of OpenAPI: `/users/{id}`. */
const template = (path: string): string => path.replace(/:(\w+)/g, '{$1}')

const reply = (route: Route, status: number, spec: ReplySpec, schemas: Schemas): Json => {
  const description = status === 303 ? 'Continue at `Location`' : status < 400 ? 'Success' : 'Error'
  const headers = replyHeaders(route)
  if (spec === 'empty') return { description, headers }
  if (spec === 'html')
    return { description, headers, content: { 'text/html': { schema: { type: 'string' } } } }
  if (spec === 'text') {
    const example = route.example?.reply
    return { description, headers, content: { 'text/plain': { schema: { type: 'string' }, example } } }
  }
  if (spec === 'redirect')
    return {
      description,
      headers: { ...headers, Location: { schema: { type: 'string', format: 'uri-reference' } } },
    }
  const schema = schemas.add(`${routeName(route)}Response`, jsonSchema(spec, 'output'))
  const example = status < 300 ? route.example?.reply : undefined
  return { description, headers, content: { 'application/json': { schema, example } } }
}

const responses = (route: Route, schemas: Schemas): Json => {
  const success = Object.entries(route.replies).map(([status, spec]) => [
    status,
    reply(route, Number(status), spec, schemas),
  ])
  const both = Object.fromEntries(success) as Record<string, Json>
  if (route.etag)
    both[304] = { description: 'The reply that you have is current', headers: replyHeaders(route) }
  for (const [status, problem] of Object.entries(problemReplies(route, schemas)) as [string, Json][]) {
    const page = both[status] as { content?: Json } | undefined
    both[status] = page ? { ...problem, content: { ...page.content, ...(problem.content as Json) } } : problem
  }
  return both
}

const security: Record<Auth, (scope: string) => Json[]> = {
  none: () => [],
  optional: () => [{ accessToken: [] }, {}],
  bearer: () => [{ accessToken: [] }],
  anyBearer: () => [{ accessToken: [] }, { machineToken: [] }],
  admin: scope => [{ accessToken: [] }, { machineToken: [scope] }],
  refresh: () => [{ refreshCookie: [] }, {}],
  bearerOrRefresh: () => [{ accessToken: [] }, { refreshCookie: [] }, {}],
  client: () => [{ clientSecret: [] }],
}

const operationId = ({ method, path }: Route): string =>
  `${method.toLowerCase()}-${path
    .replace(/^\/api\/v1\//, '')
    .replace(/[^a-z0-9]+/gi, '-')
    .replace(/^-|-$/g, '')}`

const descriptionOf = (route: Route): Json => {
  const sentences = [route.description, freshnessOf(route)].filter(Boolean).join(' ')
  return sentences ? { description: sentences } : {}
}

const operation = (route: Route, schemas: Schemas): Json => ({
  operationId: operationId(route),
  tags: [route.path.startsWith('/api/v1/') ? (route.path.split('/')[3] ?? 'auth') : 'service'],
  summary: route.summary,
  ...descriptionOf(route),
  security: security[route.auth](route.scope ?? ''),
  ...parameters(route),
  ...requestBody(route, schemas),
  responses: responses(route, schemas),
})

/** What a document describes: these routes, every problem that a reply may have, and the scopes of machine clients. */
export type Described = {
  routes: readonly Route[]
  problems: readonly ProblemDefinition[]
  scopes: Readonly<Record<string, string>>
}

/** The OpenAPI 3.1 document of an API. */
export const openapi = ({ routes, problems, scopes }: Described, publicUrl: string): Json => {
  const paths: Record<string, Json> = {}
  const schemas = openSchemas()
  for (const route of routes)
    paths[template(route.path)] = {
      ...paths[template(route.path)],
      [route.method.toLowerCase()]: operation(route, schemas),
    }
  schemas.add('Problem', problem)
  schemas.add('OAuthError', oauthError)
  schemas.add('ProblemCode', problemCode(problems.map(({ code }) => code)))
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
      securitySchemes: { ...securitySchemes, ...machineSchemes(`${publicUrl}/api/v1/oauth/token`, scopes) },
      headers,
      schemas: schemas.all(),
    },
  }
}
