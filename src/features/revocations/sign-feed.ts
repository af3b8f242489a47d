import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { signMessage, wholeSeconds } from '../../platform/crypto/paseto.ts'
import { writeCursor } from './schemas.ts'
import type { FeedPage } from './types.ts'

// No access token has this assertion, so neither kind of token passes for the other.
const assertion = Buffer.from('revocations')

/**
 * The page as a signed token. `after` names the position that it continues: otherwise an attacker could answer a guard with
 * the reply to another one, which is newer, and hide what came in between.
 */
export const signFeed = (
  { config, clock, ring }: Pick<Deps, 'config' | 'clock' | 'ring'>,
  { after, cursor, hasMore, sessions, users }: FeedPage,
): string => {
  const claims = {
    iss: config.PUBLIC_URL,
    iat: wholeSeconds(now(clock)),
    cursor: writeCursor(cursor),
    sessions,
    users: [...users].map(([sub, before]) => ({ sub, before: wholeSeconds(before) })),
    ...(after && { after: writeCursor(after) }),
    ...(hasMore && { more: true }),
  }
  const { kid, secret } = ring.signing()
  return signMessage(secret, Buffer.from(JSON.stringify(claims)), Buffer.from(`{"kid":"${kid}"}`), assertion)
}
