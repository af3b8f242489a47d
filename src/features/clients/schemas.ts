import * as v from 'valibot'
import { line, named, pattern, time } from '../../platform/base/field-shapes.ts'
import { clientIdShape } from '../../platform/crypto/client-secret.ts'

export const clientId = pattern(
  'client_id',
  'must be the id of a machine client',
  'The id of a machine client.',
  clientIdShape,
)

export const secretPrefix = pattern(
  'secret_prefix',
  'must be the first twelve characters of a secret',
  'The first twelve characters of a secret.',
  /^lks_[0-9A-Za-z]{8}$/,
)

export const clientName = line(100, 'The name of a machine client, for people.')

// RFC 6749, section 3.3.
const scopeToken = '[\\x21\\x23-\\x5b\\x5d-\\x7e]{1,64}'

/** One scope. Those of other services are free text. */
const scope = pattern(
  'scope',
  'must be 1 to 64 characters of ASCII without spaces, quotation marks and backslashes',
  'A scope (RFC 6749, section 3.3).',
  new RegExp(`^${scopeToken}$`),
)

/** One or more scopes in a text. */
export const scopeText = pattern(
  'scope',
  'must be one or more scopes, separated by spaces',
  'Scopes of a machine client.',
  new RegExp(`^${scopeToken}(?: ${scopeToken})*$`),
)

const maxScopes = 50

/** Together at most so many characters that they fit into a token. */
const maxLength = 1000

/** The scopes of a client, each once. */
export const scopeList = v.pipe(
  v.array(scope),
  v.minLength(1),
  v.maxLength(maxScopes),
  v.check(scopes => scopes.join(' ').length <= maxLength),
  v.transform(scopes => [...new Set(scopes)]),
)

const secretReply = v.object({ prefix: v.string(), created_at: time })

export const clientReply = named('Client', {
  id: v.string(),
  name: v.string(),
  scopes: v.array(v.string()),
  secrets: v.array(v.pipe(secretReply, v.title('ClientSecret'))),
  created_at: time,
  last_used_at: v.nullable(time),
  revoked_at: v.nullable(time),
})

/** A new client. Its secret is shown once. */
export const newClientReply = named('NewClient', { ...clientReply.entries, secret: v.string() })

/** A new secret of a client. It is shown once. */
export const newSecretReply = named('NewClientSecret', { ...secretReply.entries, secret: v.string() })

export type ClientReply = v.InferOutput<typeof clientReply>
