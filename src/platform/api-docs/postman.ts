import { withoutRefs } from './openapi-schemas.ts'
import { item, type Operation, type Place, script } from './postman-request.ts'

// A collection for Postman and Newman (format 2.1), made of the OpenAPI document: a folder for each tag, and before
// them one way through the API that leaves a session behind for the rest. It holds no ids and no times, so that the
// same routes make the same file.

type Json = Record<string, unknown>

const auth = '/api/v1/auth'

/** Each step, and what it answers with when all is well. */
const happyPath = [
  { name: 'Register', method: 'post', path: `${auth}/register`, status: 201 },
  { name: 'Who am I', method: 'get', path: `${auth}/me`, status: 200 },
  { name: 'Refresh', method: 'post', path: `${auth}/refresh`, status: 200 },
  { name: 'Log out', method: 'post', path: `${auth}/logout`, status: 204 },
  { name: 'Log in again', method: 'post', path: `${auth}/login`, status: 200 },
]

/** What ends the session that the rest lives on comes after the rest, and so does its folder. */
const endings = [`delete ${auth}/me`, `post ${auth}/logout`, `post ${auth}/logout-all`]
const ending = ({ method, path }: Place): number => endings.indexOf(`${method} ${path}`)
const byEnding = (a: Place, b: Place): number =>
  ending(a) - ending(b) || Number(a.path.startsWith(auth)) - Number(b.path.startsWith(auth))

const fresh = [`pm.collectionVariables.set('email', \`ada.\${Date.now()}@example.com\`)`]

const capture = [
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
  const steps = happyPath.flatMap(({ name, status, ...at }) => {
    const place = places.find(({ method, path }) => method === at.method && path === at.path)
    const after = [`pm.test('it answers ${status}', () => pm.expect(code).to.equal(${status}))`]
    return place ? [item(place, { name, after, before: name === 'Register' ? fresh : [] })] : []
  })
  const folders = [...Map.groupBy(places.toSorted(byEnding), ({ operation }) => operation.tags[0] ?? '')]
  const variables = { baseUrl: servers[0].url, email: 'ada@example.com', password: 'correct horse 9' }
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
    event: [script('test', capture)],
    item: [
      { name: 'First of all', item: steps },
      ...folders.map(([name, found]) => ({ name, item: found.map(place => item(place, {})) })),
    ],
  }
}
