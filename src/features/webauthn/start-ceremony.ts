import { randomBytes } from 'node:crypto'
import type { Deps } from '../../deps.ts'
import { encode } from '../../platform/base/base64url.ts'
import { putChallenge } from '../challenges/store.ts'
import { type Ceremony, ceremonyLife } from './ceremony.ts'

/** Stores what the answer to a new challenge will be good for. Returns the challenge. */
export const startCeremony = async (
  deps: Pick<Deps, 'redis' | 'keys'>,
  { name, userId, binding }: Ceremony,
): Promise<string> => {
  const secret = randomBytes(32)
  const fields = { ceremony: name, user_id: userId ?? '', binding }
  await putChallenge(deps, { kind: 'passkey', secret }, fields, ceremonyLife)
  return encode(secret)
}
