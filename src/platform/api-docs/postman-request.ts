import { exampleOf } from './examples.ts'

type Json = Record<string, unknown>
type Content = Record<string, { schema: object }>
type Parameter = { name: string; in: string; schema: object }
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

/** Of every reply: the document knows its status and its kind of content, and it is no fault. */
const checks = ({ responses }: Operation): string[] => {
  const declared = Object.entries(responses).map(([status, { content }]) => [
    status,
    Object.keys(content ?? {}),
  ])
  return [
    `const declared = ${JSON.stringify(Object.fromEntries(declared))}`,
    'const { code } = pm.response',
    `pm.test('the status is one that the document declares', () => pm.expect(declared).to.have.property(String(code)))`,
    `pm.test('the server is not at fault', () => pm.expect(code).to.be.below(500))`,
    `pm.test('the content is of a declared type', () => {`,
    `  const type = (pm.response.headers.get('Content-Type') || '').split(';')[0]`,
    `  const types = declared[code] || []`,
    `  if (types.length > 0) pm.expect(types).to.include(type)`,
    `  else pm.expect(pm.response.text()).to.equal('')`,
    '})',
  ]
}

const takesAccessToken = ({ security }: Operation): boolean =>
  security.some(scheme => 'accessToken' in scheme)

const bodyOf = ({ requestBody }: Operation): Json => {
  const [found] = Object.entries(requestBody?.content ?? {})
  if (!found) return {}
  const [type, { schema }] = found
  const example = exampleOf(schema) as Json
  const header = [{ key: 'Content-Type', value: type }]
  if (type === 'application/json')
    return {
      header,
      body: { mode: 'raw', raw: JSON.stringify(example, null, 2), options: { raw: { language: 'json' } } },
    }
  const urlencoded = Object.entries(example).map(([key, value]) => ({ key, value }))
  return { header, body: { mode: 'urlencoded', urlencoded } }
}

const urlOf = ({ path, operation: { parameters = [] } }: Place): Json => {
  const segments = path.slice(1).replace(/\{(\w+)\}/g, ':$1')
  const inPlace = (place: string) =>
    parameters
      .filter(parameter => parameter.in === place)
      .map(({ name, schema }) => ({ key: name, value: String(exampleOf(schema, name)) }))
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
    // A redirect is an answer to look at.
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
