import * as v from 'valibot'
import { basePath } from '../../platform/base/base-path.ts'
import { named } from '../../platform/base/field-shapes.ts'
import { scopes } from '../../platform/catalog/scopes.ts'
import { publicRoute, type Route } from '../../platform/http/route.ts'

const texts = v.array(v.string())

const metadataReply = named('OAuthServer', {
  issuer: v.string(),
  token_endpoint: v.optional(v.string()),
  introspection_endpoint: v.optional(v.string()),
  revocation_endpoint: v.optional(v.string()),
  grant_types_supported: texts,
  response_types_supported: texts,
  token_endpoint_auth_methods_supported: texts,
  introspection_endpoint_auth_methods_supported: v.optional(texts),
  revocation_endpoint_auth_methods_supported: v.optional(texts),
  scopes_supported: texts,
  service_documentation: v.string(),
  paseto_keys_uri: v.string(),
})

type Metadata = v.InferOutput<typeof metadataReply>

const authMethods = ['client_secret_basic', 'client_secret_post']

/** The names of RFC 8414 for a route, by the end of its path. */
const endpoints: Readonly<Record<string, 'token' | 'introspection' | 'revocation'>> = {
  token: 'token',
  introspect: 'introspection',
  revoke: 'revocation',
}

/** What the server tells its clients about itself: the routes that it serves, and its scopes. */
const metadataOf = (publicUrl: string, routes: readonly Route[]): Metadata => {
  const found = routes.flatMap(({ path }) => {
    const name = endpoints[path.split('/').at(-1) ?? '']
    return name ? [{ name, path }] : []
  })
  return {
    issuer: publicUrl,
    ...Object.fromEntries(found.map(({ name, path }) => [`${name}_endpoint`, publicUrl + path])),
    grant_types_supported: ['client_credentials'],
    response_types_supported: [],
    token_endpoint_auth_methods_supported: authMethods,
    ...Object.fromEntries(found.map(({ name }) => [`${name}_endpoint_auth_methods_supported`, authMethods])),
    scopes_supported: Object.keys(scopes),
    service_documentation: `${publicUrl}/docs`,
    paseto_keys_uri: `${publicUrl}/.well-known/paseto-keys`,
  }
}

const wellKnown = '/.well-known/oauth-authorization-server'

const standsFor = 'https://accounts.example.com'

/**
 * The metadata of these routes. RFC 8414, section 3.1, puts the well-known part before the path of an issuer:
 * `https://example.com/.well-known/oauth-authorization-server/accounts` for `https://example.com/accounts`. That address
 * arrives here only if the proxy in front forwards it, so the metadata is below the path of `PUBLIC_URL` too.
 */
export const metadataRoutes = (
  routes: readonly Route[],
  { PUBLIC_URL = '' }: { PUBLIC_URL?: string },
): Route[] => {
  const metadata = (path: string, summary: string): Route =>
    publicRoute({
      method: 'GET',
      path,
      summary,
      description: 'RFC 8414. OAuth libraries configure themselves from it.',
      auth: 'none',
      limits: ['docs'],
      cache: 'public, max-age=300',
      etag: true,
      replies: { 200: metadataReply },
      problems: [],
      example: { reply: metadataOf(standsFor, routes) },
      handle: async ({ config }) => ({ status: 200, body: metadataOf(config.PUBLIC_URL, routes) }),
    })
  const base = PUBLIC_URL && basePath(PUBLIC_URL)
  return [
    metadata(wellKnown, 'Read what the OAuth server supports'),
    ...(base ? [metadata(wellKnown + base, 'Read what the OAuth server supports, by its issuer')] : []),
  ]
}
