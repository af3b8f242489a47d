import type { Deps } from '../deps.ts'
import { dropSession } from './store.ts'

/** Ends one session. A session that is not there is as good as ended (RFC 7009, section 2.2). */
export const endSession = (
  deps: Pick<Deps, 'clock' | 'redis' | 'keys'>,
  { userId, sessionId }: { userId: string; sessionId: string },
): Promise<void> => dropSession(deps, userId, sessionId)
