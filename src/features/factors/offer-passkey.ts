import type { Deps } from '../../deps.ts'
import { encode } from '../../platform/base/base64url.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { hasPasskeys, relyingPartyId } from '../../platform/config/relying-party.ts'
import type { User } from '../users/types.ts'
import { ceremonyLife, passkeyAlgorithms, userHandle } from '../webauthn/ceremony.ts'
import type { CreationOptions } from '../webauthn/schemas.ts'
import { startCeremony } from '../webauthn/start-ceremony.ts'
import { describePasskey } from './describe-passkey.ts'
import { findPasskeys, maxPasskeys } from './passkey-store.ts'

/**
 * Asks an authenticator for a new passkey of the user of a session. The challenge belongs to that session. An authenticator
 * that has a passkey of the user already refuses to make a second one.
 */
export const offerPasskey = async (
  deps: Pick<Deps, 'redis' | 'keys' | 'reads' | 'config'>,
  { user, sessionId }: { user: User; sessionId: string },
): Promise<CreationOptions | Problem<'FACTOR_LIMIT_REACHED' | 'PASSKEYS_UNAVAILABLE'>> => {
  const { config } = deps
  if (!hasPasskeys(config)) return new Problem('PASSKEYS_UNAVAILABLE')
  const passkeys = await findPasskeys(deps.reads, user.id)
  if (passkeys.length >= maxPasskeys) return new Problem('FACTOR_LIMIT_REACHED')
  return {
    challenge: await startCeremony(deps, { name: 'register', userId: user.id, binding: sessionId }),
    rp: { id: relyingPartyId(config), name: config.brand.name },
    user: { id: encode(userHandle(user.id)), name: user.email, displayName: user.full_name ?? user.email },
    pubKeyCredParams: passkeyAlgorithms.map(alg => ({ type: 'public-key', alg })),
    timeout: ceremonyLife,
    excludeCredentials: passkeys.map(describePasskey),
    authenticatorSelection: {
      residentKey: 'required',
      requireResidentKey: true,
      userVerification: 'preferred',
    },
    attestation: 'none',
  }
}
