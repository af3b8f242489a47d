import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { isOutage } from '../../platform/base/store-errors.ts'
import { limits } from '../../platform/catalog/limits.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { startDelivery } from '../../platform/mail/outbox.ts'
import { recordEvent } from '../audit/record-event.ts'
import { deviceId } from '../devices/device-id.ts'
import { addSignedInDevice } from '../devices/store.ts'
import { lockOwner } from '../factors/lock-owner.ts'
import { resetAttemptsAndDevices } from '../lockout/reset-attempts-and-devices.ts'
import { verifyCurrentPassword } from '../lockout/verify-current-password.ts'
import { revokeUserTokens } from '../one-time-tokens/revoke-user-tokens.ts'
import { combineAmr } from '../sessions/authentication.ts'
import { deleteSessions } from '../sessions/delete-sessions.ts'
import type { SessionReply } from '../sessions/schemas.ts'
import { startSession } from '../sessions/start-session.ts'
import type { SessionState } from '../sessions/types.ts'
import { type User, Users } from '../users/entity.ts'
import { queuePasswordNotice } from './queue-password-notice.ts'
import { validateNewPassword } from './validate-new-password.ts'

type Needs = Parameters<typeof verifyCurrentPassword>[0] &
  Parameters<typeof validateNewPassword>[0] &
  Parameters<typeof startSession>[0] &
  Pick<Deps, 'log' | 'emails' | 'queue' | 'limiter'>

type Change = {
  user: User
  sessionId: string
  session: SessionState
  current: string
  next: string
  /** Of the new access token. */
  audience: string
  origin: Origin & { network: string }
}

/**
 * Changes the password of a signed-in user who knows the current one. Every session ends and a new one replaces this one,
 * because an attacker may have its tokens too (OWASP, renew the session after a privilege change). Returns null if the
 * password was changed, but an outage kept the new session from starting.
 */
export const changePassword = async (
  deps: Needs,
  { user, sessionId, session, current, next, audience, origin }: Change,
): Promise<
  SessionReply | null | Problem<'INVALID_CURRENT_PASSWORD' | 'RATE_LIMIT_EXCEEDED' | 'VALIDATION_ERROR'>
> => {
  const refusal = await verifyCurrentPassword(deps, { user, sessionId, password: current, origin })
  if (refusal) return refusal
  const weak = validateNewPassword(deps, user, next, 'new_password')
  if (weak) return weak
  // Counted by user, because each change starts a session with limits of its own. It is counted after the password check, so
  // that an attacker who does not know the password cannot use up the points of the owner.
  const taken = await deps.limiter(limits.password_changed, user.id)
  if (taken && !taken.allowed)
    return new Problem('RATE_LIMIT_EXCEEDED', { retryAfter: Math.ceil(taken.resetIn / 1000) })

  const changed = await replacePassword(deps, user, await deps.hasher.hash(next, { next: true }), {
    sessionId,
    origin,
  })
  if (!changed) return new Problem('INVALID_CURRENT_PASSWORD')
  await startDelivery(deps, [changed.notice])
  await deleteSessions(deps, user.id, 'session')
  await resetAttemptsAndDevices(deps, user)
  // The session that ends had its level by a second factor, and the user has just given the password too.
  const amr = combineAmr(session.amr, ['pwd'])
  const started = startSession(deps, { user: changed.user, amr, audience, origin })
  const added = addSignedInDevice(deps, user.id, deviceId(origin))
  return Promise.all([started, added])
    .then(([session]) => session)
    .catch(err => {
      if (!isOutage(err)) throw err
      deps.log.warn({ err }, 'a password was changed, but no new session could start')
      return null
    })
}

// The stored hash must still be the one that was compared, so that only one of two concurrent changes succeeds. The session must
// not have ended meanwhile: a thief whose session ends, because the owner signs out everywhere or adds a second factor, would
// get a new one.
const replacePassword = (
  deps: Needs,
  user: User,
  hash: string,
  { sessionId, origin }: { sessionId: string; origin: Origin },
): Promise<{ user: User; notice: string } | null> =>
  deps.database.transaction(async manager => {
    if (!(await lockOwner(manager, user))) return null
    const { raw } = await manager
      .createQueryBuilder()
      .update(Users)
      .set({
        password_hash: hash,
        session_epoch: () => 'session_epoch + 1',
        failed_logins: 0,
        last_password_change_at: () => 'now()',
        updated_at: () => 'now()',
      })
      .where(
        `id = :id AND password_hash = :before AND NOT EXISTS
          (SELECT 1 FROM audit_events WHERE session_id = :sessionId AND type IN ('session.ended', 'session.reused'))`,
        { id: user.id, before: user.password_hash, sessionId },
      )
      .returning('*')
      .execute()
    const changed = raw[0] as User | undefined
    if (!changed) return null
    await revokeUserTokens(manager, deps, changed)
    await recordEvent(manager, { type: 'password.changed', userId: user.id, sessionId, origin })
    return { user: changed, notice: await queuePasswordNotice(manager, deps, { user: changed, origin }) }
  })
