import type { Deps } from '../../deps.ts'
import { canonicalBaseUrl } from '../../platform/base/base-url.ts'
import { now } from '../../platform/base/clock.ts'
import { counters } from '../../platform/catalog/metrics.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { listedAudience } from '../../platform/config/audiences.ts'
import { signToken } from '../../platform/crypto/paseto.ts'
import type { Machine } from '../clients/types.ts'
import type { MachineTokenReply } from './schemas.ts'

type Needs = Pick<Deps, 'config' | 'clock' | 'ring' | 'metrics'>

type Grant = {
  machine: Machine
  grantType: string
  scope?: string | undefined
  /** The service that the token is for, by each of the names that the request used. */
  services: readonly string[]
}

/**
 * Issues an access token to an authenticated machine client (RFC 6749, section 4.4). It has the requested scopes, or all of
 * the client. It has no session: it ends when it expires, or at Latchkey as soon as the client is revoked.
 */
export const issueMachineToken = (
  { config, clock, ring, metrics }: Needs,
  { machine, grantType, scope, services }: Grant,
): MachineTokenReply | Problem<'UNSUPPORTED_GRANT_TYPE' | 'INVALID_SCOPE' | 'INVALID_TARGET'> => {
  if (grantType !== 'client_credentials') return new Problem('UNSUPPORTED_GRANT_TYPE')
  const granted = scope === undefined ? machine.scopes : [...new Set(scope.split(' '))]
  if (!granted.every(each => machine.scopes.includes(each))) return new Problem('INVALID_SCOPE')
  const audience = audienceOf(config, services)
  if (audience === null) return new Problem('INVALID_TARGET')
  const ttlSeconds = config.ACCESS_TOKEN_TTL / 1000
  const claims = {
    iss: config.PUBLIC_URL,
    aud: audience,
    sub: machine.id,
    client_id: machine.id,
    scope: granted.join(' '),
  }
  metrics.count(counters.machine_tokens)
  return {
    access_token: signToken(ring.signing(), claims, { now: new Date(now(clock)), ttlSeconds }),
    token_type: 'Bearer',
    expires_in: ttlSeconds,
    scope: claims.scope,
  }
}

/** The audience of a token. Null if the service is not listed, or if two names of a request differ. */
const audienceOf = (config: Needs['config'], services: readonly string[]): string | null => {
  const [first, ...more] = services.map(canonicalBaseUrl)
  if (first === null || more.some(each => each !== first)) return null
  return listedAudience(config, first)
}
