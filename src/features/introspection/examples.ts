import { example } from '../../platform/catalog/examples.ts'
import type { Introspection } from './schemas.ts'

const issuedAt = Date.parse(example.time) / 1000

export const introspectionExample: Introspection = {
  active: true,
  token_type: 'Bearer',
  iss: 'http://localhost:8000',
  aud: 'http://localhost:8000',
  sub: example.id,
  iat: issuedAt,
  exp: issuedAt + 900,
  sid: example.sessionId,
  username: example.email,
  email: example.email,
  email_verified: true,
  roles: ['user'],
  amr: ['pwd'],
  acr: 'aal1',
  auth_time: issuedAt - 60,
}
