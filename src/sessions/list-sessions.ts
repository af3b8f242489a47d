import type { User } from '../accounts/entity.ts'
import type { Deps } from '../deps.ts'
import { namesOf } from '../devices/rules.ts'
import { findSessions } from './store.ts'

const time = (milliseconds: number): string => new Date(milliseconds).toISOString()

/** The sessions of a user, the latest used first. */
export const listSessions = async (
  deps: Pick<Deps, 'clock' | 'redis' | 'keys'>,
  { user, currentId }: { user: Pick<User, 'id' | 'session_epoch'>; currentId: string },
) =>
  (await findSessions(deps, user)).map(session => ({
    id: session.id,
    created_at: time(session.createdAt),
    last_used_at: time(session.usedAt),
    expires_at: time(session.expiresAt),
    ip: session.ip,
    user_agent: session.userAgent,
    ...namesOf(session.userAgent),
    current: session.id === currentId,
  }))
