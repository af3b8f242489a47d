import fc from 'fast-check'
import { type Body, goodValue, jsonBody } from './fuzz-bodies.ts'
import { formBody } from './fuzz-forms.ts'
import { canary, hostileText, oddName, placeholder } from './fuzz-values.ts'
import type { Operation, Parameter } from './openapi-check.ts'

// Requests of every kind for one operation of the document, still with placeholders.

export type CallerKind = 'anonymous' | 'user' | 'admin' | 'invalid'
export type Request = { caller: CallerKind; path: string; head: string[]; body: Body | null; isGood: boolean }

const invalidCredentials = [
  ...[
    `Bearer v4.public.${canary}`,
    'Bearer',
    `Basic ${canary}`,
    `${canary}`,
    `Bearer ${canary} ${canary}`,
    'Bearer null',
  ],
  ...[
    `Bearer ${placeholder('access')}x`,
    `Bearer ${placeholder('refresh')}`,
    `Token ${placeholder('access')}`,
    `Bearer ${'A'.repeat(6000)}`,
  ],
  ...[
    `Bearer v4.public.${'A'.repeat(200)}.eyJraWQiOiJfX3Byb3RvX18ifQ`,
    `Bearer v4.local.${canary}`,
    `Bearer \xe9${canary}`,
  ],
]

/** Optional headers that the API may ignore. */
const optionalHeaders = [
  ...[
    `User-Agent: ${canary}`,
    'User-Agent:',
    `Accept: ${canary}/x;q=9`,
    `Accept-Language: ${canary};q=x, ar`,
    'Accept: text/html',
  ],
  ...[
    `X-Request-Id: ${canary}`,
    `X-Forwarded-For: ${canary}, 1.2.3.4`,
    `X-Forwarded-Host: ${canary}.example`,
    'Range: bytes=0-1',
  ],
  ...[
    `Origin: https://${canary}.example`,
    'Origin: null',
    'Sec-Fetch-Site: cross-site',
    `Referer: https://${canary}.example/`,
  ],
  ...[
    `Cookie: __Host-latchkey=lkr_${canary}`,
    `Cookie: __Host-latchkey=${placeholder('refresh')}`,
    `Cookie: ${canary}`,
    'Cookie: ;;=;',
  ],
  ...[
    'If-None-Match: *',
    `X-HTTP-Method-Override: DELETE`,
    'Content-Language: xx',
    `Forwarded: for=${canary}`,
    'X-Odd: \xff\x80',
  ],
]

const credentials = (caller: CallerKind, bad: string): string[] => {
  if (caller === 'anonymous') return []
  return [`Authorization: ${caller === 'invalid' ? bad : `Bearer ${placeholder('access')}`}`]
}

const callers = (operation: Operation, path: string): fc.Arbitrary<CallerKind> => {
  const weights: Record<CallerKind, number> = path.includes('/admin/')
    ? { admin: 8, user: 1, anonymous: 1, invalid: 1 }
    : operation.security.length > 0
      ? { user: 8, admin: 1, anonymous: 1, invalid: 2 }
      : { anonymous: 8, user: 1, invalid: 1, admin: 0 }
  const all = Object.entries(weights) as [CallerKind, number][]
  return fc.oneof(...all.map(([caller, weight]) => ({ weight, arbitrary: fc.constant(caller) })))
}

const someId = '018f0000-0000-7000-8000-000000000001'
const oddIds = [
  ...[
    canary,
    '%00',
    `..%2f${canary}`,
    '%27',
    someId.toUpperCase(),
    `${someId}%00`,
    'x'.repeat(300),
    '%ff',
    '%',
    '%5Bobject%5D',
  ],
  ...['__proto__', '0', 'null', 'me', `${someId}%20`, `%7B${someId}%7D`, someId.replaceAll('-', '')],
]
const idFor = (path: string) => {
  const slug = path.includes('{slug}')
  const own = slug
    ? 'slug'
    : path.includes('/sessions/')
      ? 'sessionId'
      : path.includes('/emails/')
        ? 'mailId'
        : 'victimId'
  return fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(placeholder(own)).map(id => ({ id, isGood: true })) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(placeholder('userId'), someId).map(id => ({ id, isGood: true })),
    },
    { weight: 3, arbitrary: fc.constantFrom(...oddIds).map(id => ({ id, isGood: false })) },
  )
}

type Query = { text: string; isGood: boolean }
const encoded = (value: unknown) => encodeURIComponent(String(value).toWellFormed()).slice(0, 6000)

const oddQueries = [
  '?',
  '?%',
  '?%ff=%ff',
  '?&&=&',
  `?__proto__=${canary}`,
  `?${oddName}`,
  `?${'a=b&'.repeat(1000)}`,
  '?limit=1&limit=2',
  `?token[a]=${canary}`,
  '?constructor=x',
]

const written = (found: Record<string, unknown>): string => {
  const pairs = Object.entries(found).map(([name, value]) => `${name}=${encoded(value)}`)
  return pairs.length > 0 ? `?${pairs.join('&')}` : ''
}

const queryOf = (parameters: Parameter[]): fc.Arbitrary<Query> => {
  const values = parameters.map(({ name, schema, example }) => [name, goodValue(name, schema, example)])
  const good = fc.record<Record<string, unknown>>(Object.fromEntries(values), { requiredKeys: [] })
  const malformed = fc.constantFrom(...oddQueries).map((text): Query => ({ text, isGood: false }))
  // A valid cursor comes only from a list, so a query with a generated one counts as invalid.
  const documented = good.map((found): Query => ({ text: written(found), isGood: !('cursor' in found) }))
  if (parameters.length === 0) return fc.oneof({ weight: 8, arbitrary: documented }, malformed)
  // Only one hostile parameter, because another rejected one would hide its effect.
  const hostile = fc
    .constantFrom(...parameters)
    .chain(({ name, schema }) => hostileText(schema).map(value => ({ [name]: value })))
    .map((found): Query => ({ text: written(found), isGood: false }))
  return fc.oneof({ weight: 3, arbitrary: documented }, { weight: 4, arbitrary: hostile }, malformed)
}

const bodyOf = ({ requestBody }: Operation): fc.Arbitrary<Body | null> => {
  const [type = '', content] = Object.entries(requestBody?.content ?? {})[0] ?? []
  if (!content) return fc.constant(null)
  return type === 'application/json' ? jsonBody(content.schema, content.example) : formBody(content.schema)
}

export const requestsFor = (path: string, operation: Operation): fc.Arbitrary<Request> => {
  const { parameters = [] } = operation
  const has = path.includes('{')
  return fc
    .record({
      caller: callers(operation, path),
      bad: fc.constantFrom(...invalidCredentials),
      id: has ? idFor(path) : fc.constant({ id: '', isGood: true }),
      query: queryOf(parameters.filter(each => each.in === 'query')),
      headers: fc.oneof(
        { weight: 2, arbitrary: fc.constant<string[]>([]) },
        { weight: 1, arbitrary: fc.subarray(optionalHeaders, { maxLength: 3 }) },
      ),
      body: bodyOf(operation),
    })
    .map(({ caller, bad, id, query, headers, body }) => ({
      caller,
      path: path.replace(/\{\w+\}/g, id.id) + query.text,
      head: [...credentials(caller, bad), ...headers],
      body,
      isGood: id.isGood && query.isGood && (body?.isGood ?? true),
    }))
}
