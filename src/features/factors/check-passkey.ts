import type { Deps } from '../../deps.ts'
import { encode } from '../../platform/base/base64url.ts'
import { counters } from '../../platform/catalog/metrics.ts'
import { type Ceremony, passkeyAmr, userHandle } from '../webauthn/ceremony.ts'
import type { PasskeyCredential } from '../webauthn/schemas.ts'
import { takeCeremony } from '../webauthn/take-ceremony.ts'
import { verifyAssertion } from '../webauthn/verify-assertion.ts'
import { findPasskey, type Passkey, usePasskey } from './passkey-store.ts'
import type { Accepted } from './types.ts'

type Needs = Pick<Deps, 'redis' | 'keys' | 'reads' | 'config' | 'log' | 'metrics'>

export type AcceptedPasskey = Accepted & { userId: string; isUserVerified: boolean }

/**
 * Checks the answer of an authenticator, or returns null. The challenge is used up in either case. Nothing in the answer causes
 * an error; only a store that does not answer does.
 */
export const checkPasskey = async (
  deps: Needs,
  ceremony: Ceremony,
  credential: PasskeyCredential,
): Promise<AcceptedPasskey | null> => {
  const challenge = await takeCeremony(deps, ceremony, credential.response.clientDataJSON)
  if (challenge === null) return null
  const passkey = await findPasskey(deps.reads, credential.id)
  if (!passkey || !isOwner(passkey, ceremony, credential.response.userHandle)) return null
  const signed = await verifyAssertion(deps.config, { challenge, passkey, credential })
  if (!signed) return null
  reportCounter(deps, passkey, signed.signCount)
  return {
    factorId: passkey.id,
    userId: passkey.user_id,
    isUserVerified: signed.userVerified,
    amr: passkeyAmr(signed),
    consume: async manager => ((await usePasskey(manager, passkey.id, signed)) ? [] : null),
  }
}

// The user handle says who owns a passkey that the browser chose. A passkey that the user asked for may leave it out.
const isOwner = (passkey: Passkey, { userId }: Ceremony, handle: string | null | undefined): boolean => {
  if (userId !== null && passkey.user_id !== userId) return false
  return handle ? handle === encode(userHandle(passkey.user_id)) : userId !== null
}

// Most synchronised passkeys have no counter and always send 0. One that goes back may be a copy of a key in hardware.
const reportCounter = ({ log, metrics }: Needs, { id, user_id, sign_count }: Passkey, sent: number): void => {
  const stored = Number(sign_count ?? 0)
  if ((sent === 0 && stored === 0) || sent > stored) return
  metrics.count(counters.passkey_counters_back)
  log.warn({ factorId: id, userId: user_id, stored, sent }, 'the signature counter of a passkey went back')
}
