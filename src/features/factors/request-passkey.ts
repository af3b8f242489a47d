import type { Deps } from '../../deps.ts'
import { relyingPartyId } from '../../platform/config/relying-party.ts'
import type { User } from '../users/types.ts'
import { type Ceremony, ceremonyLife } from '../webauthn/ceremony.ts'
import type { RequestOptions } from '../webauthn/schemas.ts'
import { startCeremony } from '../webauthn/start-ceremony.ts'
import { describePasskey } from './describe-passkey.ts'
import { findPasskeys } from './passkey-store.ts'

/**
 * Asks for a passkey: one of this user, or any that the user of the browser chooses. Then the list is empty, so that no one
 * learns from it who has an account.
 */
export const requestPasskey = async (
  deps: Pick<Deps, 'redis' | 'keys' | 'reads' | 'config'>,
  ceremony: Ceremony,
  user: Pick<User, 'id'> | null,
): Promise<RequestOptions> => {
  const passkeys = user ? await findPasskeys(deps.reads, user.id) : []
  return {
    challenge: await startCeremony(deps, ceremony),
    rpId: relyingPartyId(deps.config),
    timeout: ceremonyLife,
    allowCredentials: passkeys.map(describePasskey),
    userVerification: 'preferred',
  }
}
