import { v7 as uuid } from 'uuid'
import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import type { Origin } from '../../platform/base/origin.ts'
import type { User } from '../users/entity.ts'
import { userView } from '../users/view.ts'
import type { Amr } from './authentication.ts'
import { issueTokens } from './issue-tokens.ts'
import { firstSecret, secretHash } from './refresh-token.ts'
import { removeSession } from './remove-session.ts'
import type { SessionReply } from './schemas.ts'
import { putSession } from './store.ts'

/**
 * Starts a session for a user who has just authenticated by the methods `amr`, or registered. `audience` is that of the access
 * token.
 */
export const startSession = async (
  deps: Pick<Deps, 'config' | 'clock' | 'log' | 'redis' | 'keys' | 'ring' | 'secrets'>,
  { user, amr, audience, origin }: { user: User; amr: readonly Amr[]; audience: string; origin: Origin },
): Promise<SessionReply> => {
  const { config, clock } = deps
  const keys = deps.secrets.current
  const token = { userId: user.id, sessionId: uuid(), secret: firstSecret(), keys }
  const authTime = now(clock)
  const life = { idle: config.REFRESH_TOKEN_TTL, max: config.SESSION_MAX_AGE }
  const { expiresIn, excess } = await putSession(
    deps,
    {
      ...{ userId: user.id, sessionId: token.sessionId, epoch: user.session_epoch, authTime, amr, ...origin },
      ...{ hash: secretHash(token.secret), secretId: keys.id },
    },
    life,
  )
  // If this fails, the next sign-in ends them.
  await Promise.all(excess.map(id => removeSession(deps, user.id, id))).catch(err =>
    deps.log.warn({ err }, 'sessions above the maximum did not end'),
  )
  return { ...issueTokens(deps, { user, token, audience, authTime, amr, expiresIn }), user: userView(user) }
}
