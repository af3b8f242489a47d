import type { Deps } from '../../deps.ts'
import { decode } from '../../platform/base/base64url.ts'
import { takeChallenge } from '../challenges/store.ts'
import { type Ceremony, readClientData } from './ceremony.ts'

/**
 * Takes the challenge that an authenticator answers, before anything else is checked, so that each has one try. Returns it if
 * it belongs to this ceremony, or null.
 */
export const takeCeremony = async (
  deps: Pick<Deps, 'redis' | 'keys'>,
  { name, userId, binding }: Ceremony,
  clientDataJSON: string,
): Promise<string | null> => {
  const client = readClientData(clientDataJSON)
  const secret = client && decode(client.challenge)
  if (!secret) return null
  const taken = await takeChallenge(deps, { kind: 'passkey', secret })
  const isSame =
    taken?.ceremony === name &&
    taken.user_id === (userId ?? '') &&
    taken.binding === binding &&
    !client.isFramed
  return isSame ? client.challenge : null
}
