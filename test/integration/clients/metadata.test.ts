import test from 'ava'
import { scopes } from '../../../src/platform/catalog/scopes.ts'
import { allRoutes } from '../../routes.ts'
import { openWorld } from '../../world.ts'

const wellKnown = '/.well-known/oauth-authorization-server'

const world = await openWorld()
const below = await openWorld({ env: { PUBLIC_URL: 'https://example.com/accounts' } })
test.after.always(async () => {
  for (const each of [world, below]) await each[Symbol.asyncDispose]()
})

test('metadata → issuer, every route of OAuth, and the scopes of Latchkey (RFC 8414)', async t => {
  const { status, headers, body } = await world.client.get(wellKnown)
  t.is(status, 200)
  t.is(headers.get('cache-control'), 'public, max-age=300')
  const issuer = world.env.PUBLIC_URL ?? ''
  t.like(body, {
    issuer,
    token_endpoint: `${issuer}/api/v1/oauth/token`,
    grant_types_supported: ['client_credentials'],
    response_types_supported: [],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    scopes_supported: Object.keys(scopes),
    service_documentation: `${issuer}/docs`,
    paseto_keys_uri: `${issuer}/.well-known/paseto-keys`,
  })
  const endpoints = Object.entries(body).flatMap(([name, value]) =>
    name.endsWith('_endpoint') ? [value] : [],
  )
  const served = allRoutes.filter(({ auth }) => auth === 'client').map(({ path }) => issuer + path)
  t.deepEqual(endpoints.sort(), served.sort())
  t.is((await world.client.get(new URL(body.paseto_keys_uri).pathname)).status, 200)
  t.is((await world.client.get('/docs')).status, 200)
})

test('PUBLIC_URL with a path → metadata at the address of RFC 8414, and below the path', async t => {
  for (const path of [`${wellKnown}/accounts`, `/accounts${wellKnown}`, wellKnown]) {
    const { status, body } = await below.client.get(path)
    t.deepEqual([status, body.issuer], [200, 'https://example.com/accounts'], path)
    t.is(body.token_endpoint, 'https://example.com/accounts/api/v1/oauth/token')
  }
  const refused = await below.client.post('/accounts/api/v1/oauth/token', {})
  t.deepEqual([refused.status, refused.body.error], [415, 'invalid_request'])
  const missing = await below.client.get('/accounts/api/v1/oauth/nothing')
  t.deepEqual([missing.status, missing.body.error], [404, 'invalid_request'])
})
