import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { counters } from '../../platform/catalog/metrics.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { signToken } from '../../platform/crypto/paseto.ts'
import type { Machine } from '../clients/types.ts'
import type { MachineTokenReply } from './schemas.ts'

type Needs = Pick<Deps, 'config' | 'clock' | 'ring' | 'metrics'>

type Grant = { machine: Machine; grantType: string; scope: string | undefined }

/**
 * Issues an access token to an authenticated machine client (RFC 6749, section 4.4). It has the requested scopes, or all of
 * the client. It has no session: it ends when it expires, or at Latchkey as soon as the client is revoked.
 */
export const issueMachineToken = (
  { config, clock, ring, metrics }: Needs,
  { machine, grantType, scope }: Grant,
): MachineTokenReply | Problem<'UNSUPPORTED_GRANT_TYPE' | 'INVALID_SCOPE'> => {
  if (grantType !== 'client_credentials') return new Problem('UNSUPPORTED_GRANT_TYPE')
  const granted = scope === undefined ? machine.scopes : [...new Set(scope.split(' '))]
  if (!granted.every(each => machine.scopes.includes(each))) return new Problem('INVALID_SCOPE')
  const ttlSeconds = config.ACCESS_TOKEN_TTL / 1000
  const claims = {
    iss: config.PUBLIC_URL,
    aud: config.PUBLIC_URL,
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
