import type { EntityManager } from 'typeorm'
import { v7 as uuid } from 'uuid'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { SessionState } from '../sessions/types.ts'
import type { User } from '../users/types.ts'
import { passkeyAmr } from '../webauthn/ceremony.ts'
import type { NewPasskeyCredential } from '../webauthn/schemas.ts'
import { takeCeremony } from '../webauthn/take-ceremony.ts'
import { verifyNewPasskey } from '../webauthn/verify-new-passkey.ts'
import { addFactor } from './add-factor.ts'
import { countFactors } from './factor-store.ts'
import { insertPasskey, maxPasskeys, type PasskeyValues } from './passkey-store.ts'
import type { Factor } from './types.ts'

type Request = {
  user: User
  sessionId: string
  session: SessionState
  name?: string | undefined
  credential: NewPasskeyCredential
  origin: Origin & { network: string }
}

/**
 * Adds the passkey that an authenticator has made. It needs no fresh session: its challenge was given to a fresh one, and
 * only that session can use it, once.
 */
export const addPasskey = async (
  deps: Parameters<typeof addFactor>[0] & Parameters<typeof takeCeremony>[0],
  { user, sessionId, session, name = 'Passkey', credential, origin }: Request,
) => {
  const { response } = credential
  const ceremony = { name: 'register', userId: user.id, binding: sessionId } as const
  const challenge = await takeCeremony(deps, ceremony, response.clientDataJSON)
  const made = challenge === null ? null : await verifyNewPasskey(deps.config, challenge, credential)
  if (!made) return new Problem('INVALID_PASSKEY')
  const values = { id: uuid(), user_id: user.id, name, transports: response.transports ?? [], ...made }
  const put = (manager: EntityManager) => putPasskey(manager, values)
  return addFactor(deps, { user, sessionId, session, amr: passkeyAmr(made), put, origin })
}

// The row of the user is locked, so that two requests cannot both add the last passkey that is allowed.
const putPasskey = async (
  manager: EntityManager,
  values: PasskeyValues,
): Promise<Factor | Problem<'FACTOR_LIMIT_REACHED' | 'PASSKEY_EXISTS'>> => {
  const count = await countFactors(manager, values.user_id, 'passkey')
  if (count >= maxPasskeys) return new Problem('FACTOR_LIMIT_REACHED')
  return (await insertPasskey(manager, values)) ?? new Problem('PASSKEY_EXISTS')
}
