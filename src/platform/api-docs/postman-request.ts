import { example as value } from '../catalog/examples.ts'

type Json = Record<string, unknown>
type Content = Record<string, { schema: object; example?: Json }>
type Parameter = { name: string; in: string; example?: unknown }
export type Operation = {
  tags: string[]
  summary: string
  description?: string
  security: object[]
  parameters?: Parameter[]
  requestBody?: { content: Content }
  responses: Record<string, { content?: Content }>
}
export type Place = { method: string; path: string; operation: Operation }

export const script = (listen: 'test' | 'prerequest', exec: string[]): Json => ({
  listen,
  script: { type: 'text/javascript', exec },
})

/** The checks of every reply: its status and content type are in the document, and it is no 5xx. */
const checks = ({ responses }: Operation): string[] => {
  const declared = Object.entries(responses).map(([status, { content }]) => [
    status,
    Object.keys(content ?? {}),
  ])
  return [
    `const declared = ${JSON.stringify(Object.fromEntries(declared))}`,
    'const { code } = pm.response',
    `pm.test('the status is in the document', () => pm.expect(declared).to.have.property(String(code)))`,
    `pm.test('no error of the server', () => pm.expect(code).to.be.below(500))`,
    `pm.test('the content type is in the document', () => {`,
    `  const type = (pm.response.headers.get('Content-Type') || '').split(';')[0]`,
    `  const types = declared[code] || []`,
    `  if (types.length > 0) pm.expect(types).to.include(type)`,
    `  else pm.expect(pm.response.text()).to.equal('')`,
    '})',
  ]
}

const takesAccessToken = ({ security }: Operation): boolean =>
  security.some(scheme => 'accessToken' in scheme)

// The collection changes a password to itself, so that the requests after that still sign in.
const variables = [
  [value.email, '{{email}}'],
  [value.password, '{{password}}'],
  [value.newPassword, '{{password}}'],
  [value.refreshToken, '{{refresh_token}}'],
] as const

/** An example with the variables of the collection in place of the values of the account. */
const withVariables = <T>(example: T): T => {
  const text = JSON.stringify(example)
  return JSON.parse(variables.reduce((found, [from, to]) => found.replaceAll(from, to), text))
}

const bodyOf = ({ requestBody }: Operation): Json => {
  const [found] = Object.entries(requestBody?.content ?? {})
  if (!found) return {}
  const [type, { example = {} }] = found
  const body = withVariables(example)
  const header = [{ key: 'Content-Type', value: type }]
  if (type === 'application/json')
    return {
      header,
      body: { mode: 'raw', raw: JSON.stringify(body, null, 2), options: { raw: { language: 'json' } } },
    }
  const urlencoded = Object.entries(body).map(([key, value]) => ({ key, value }))
  return { header, body: { mode: 'urlencoded', urlencoded } }
}

const urlOf = ({ path, operation: { parameters = [] } }: Place): Json => {
  const segments = path.slice(1).replace(/\{(\w+)\}/g, ':$1')
  const inPlace = (place: string) =>
    parameters
      .filter(parameter => parameter.in === place)
      .map(({ name, example = '' }) => ({ key: name, value: withVariables(String(example)) }))
  const [variable, query] = [inPlace('path'), inPlace('query')]
  return {
    raw: `{{baseUrl}}/${segments}`,
    host: ['{{baseUrl}}'],
    path: segments.split('/'),
    ...(variable.length > 0 && { variable }),
    ...(query.length > 0 && { query: query.map(each => ({ ...each, disabled: true })) }),
  }
}

/** One request of the collection, with the checks of its reply. */
export const item = (
  place: Place,
  { name = place.operation.summary, before = [] as string[], after = [] as string[] },
) => {
  const { method, operation } = place
  return {
    name,
    event: [
      ...(before.length > 0 ? [script('prerequest', before)] : []),
      script('test', [...checks(operation), ...after]),
    ],
    // The checks are about the redirect itself, not about the page that it leads to.
    protocolProfileBehavior: { followRedirects: false },
    request: {
      method: method.toUpperCase(),
      ...(operation.description && { description: operation.description }),
      ...(!takesAccessToken(operation) && { auth: { type: 'noauth' } }),
      ...bodyOf(operation),
      url: urlOf(place),
    },
  }
}
