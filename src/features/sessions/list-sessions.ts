import type { Deps } from '../../deps.ts'
import { parseUserAgent } from '../devices/user-agent.ts'
import type { User } from '../users/entity.ts'
import { findVerificationTime } from './find-verification-time.ts'
import { findSessions } from './store.ts'

const time = (milliseconds: number): string => new Date(milliseconds).toISOString()

/**
 * The sessions of a user, the latest used first. It marks each session that began before the address was verified: an
 * attacker may have registered the address before its owner verified it.
 */
export const listSessions = async (
  deps: Pick<Deps, 'clock' | 'emails' | 'database' | 'redis' | 'keys'>,
  { user, currentId }: { user: User; currentId: string },
) => {
  const [sessions, verifiedAt] = await Promise.all([
    findSessions(deps, user),
    findVerificationTime(deps, user),
  ])
  return sessions.map(session => ({
    id: session.id,
    created_at: time(session.createdAt),
    last_used_at: time(session.usedAt),
    expires_at: time(session.expiresAt),
    ip: session.ip,
    user_agent: session.userAgent,
    ...parseUserAgent(session.userAgent),
    current: session.id === currentId,
    ...(verifiedAt !== null &&
      session.createdAt < verifiedAt.getTime() && { created_before_verification: true as const }),
  }))
}
