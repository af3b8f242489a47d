import { example } from '../catalog/examples.ts'
import { withoutRefs } from './openapi-schemas.ts'
import { item, type Operation, type Place, script } from './postman-request.ts'

// A collection for Postman and Newman (format 2.1), derived from the OpenAPI document: a folder for each tag. The first folder
// signs up and in, and so starts the session of the other requests. There are no random ids and no times of creation, so
// that the same routes always result in the same file.

type Json = Record<string, unknown>

const auth = '/api/v1/auth'

/** The first requests, and the status of each reply. */
const firstRequests = [
  { method: 'post', path: `${auth}/register`, status: 201 },
  { method: 'get', path: `${auth}/me`, status: 200 },
  { method: 'post', path: `${auth}/refresh`, status: 200 },
  { method: 'post', path: `${auth}/logout`, status: 204 },
  { method: 'post', path: `${auth}/login`, status: 200 },
]

/** These end the session that the other requests use, so they and their folder come last. */
const endings = [`delete ${auth}/me`, `post ${auth}/logout`, `post ${auth}/logout-all`]
const ending = ({ method, path }: Place): number => endings.indexOf(`${method} ${path}`)
const byEnding = (a: Place, b: Place): number =>
  ending(a) - ending(b) || Number(a.path.startsWith(auth)) - Number(b.path.startsWith(auth))

const newAddress = [`pm.collectionVariables.set('email', \`ada.\${Date.now()}@example.com\`)`]

const keepTokens = [
  `if (/^application\\/json/.test(pm.response.headers.get('Content-Type'))) {`,
  '  const { access_token, refresh_token } = pm.response.json()',
  `  if (access_token) pm.collectionVariables.set('access_token', access_token)`,
  `  if (refresh_token) pm.collectionVariables.set('refresh_token', refresh_token)`,
  '}',
]

/** The collection of an OpenAPI document. */
export const postman = (document: Json): Json => {
  const { info, servers, paths } = withoutRefs(document) as {
    info: { title: string; description: string }
    servers: [{ url: string }]
    paths: Record<string, Record<string, Operation>>
  }
  const places = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Place => ({ method, path, operation })),
  )
  const steps = firstRequests.flatMap(({ status, ...at }) => {
    const place = places.find(({ method, path }) => method === at.method && path === at.path)
    const after = [`pm.test('the status is ${status}', () => pm.expect(code).to.equal(${status}))`]
    return place ? [item(place, { after, before: status === 201 ? newAddress : [] })] : []
  })
  const folders = [...Map.groupBy(places.toSorted(byEnding), ({ operation }) => operation.tags[0] ?? '')]
  const { email, password } = example
  const variables = { baseUrl: servers[0].url, email, password }
  return {
    info: {
      name: info.title,
      description: info.description,
      schema: 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json',
    },
    variable: Object.entries({ ...variables, access_token: '', refresh_token: '' }).map(([key, value]) => ({
      key,
      value,
    })),
    auth: { type: 'bearer', bearer: [{ key: 'token', value: '{{access_token}}', type: 'string' }] },
    event: [script('test', keepTokens)],
    item: [
      { name: 'Sign up and in', item: steps },
      ...folders.map(([name, found]) => ({ name, item: found.map(place => item(place, {})) })),
    ],
  }
}
