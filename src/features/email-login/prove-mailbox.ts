import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { recordEvent } from '../audit/record-event.ts'
import { removeUnprovenFactors } from '../factors/remove-unproven-factors.ts'
import { resetAttemptsAndDevices } from '../lockout/reset-attempts-and-devices.ts'
import { consumeOneTimeToken } from '../one-time-tokens/consume-one-time-token.ts'
import { revokeUserTokens } from '../one-time-tokens/revoke-user-tokens.ts'
import { deleteSessions } from '../sessions/delete-sessions.ts'
import { type User, Users } from '../users/entity.ts'
import { updateModuleRows } from '../users/update-module-rows.ts'
import { activeOnly } from '../users/user-state.ts'

type Needs = Parameters<typeof deleteSessions>[0] & Pick<Deps, 'emails' | 'metrics' | 'userRows'>

type FirstStep = { user: User; emailId: string; origin: Origin }

/**
 * Consumes the code of an email to an unverified account, as the first step of a sign-in. Returns the user afterwards; null if
 * the code was consumed before, or the account has changed since it was read.
 *
 * The account becomes verified, and loses what an attacker who registered the address may have left in it: the password, unless
 * an emailed link set it, the sessions, the factors, and the links of other emails.
 */
export const proveMailbox = async (deps: Needs, step: FirstStep): Promise<User | null> => {
  const { user, emailId } = step
  const proven = await deps.database.transaction(async manager => {
    if (!(await consumeOneTimeToken(manager, emailId))) return null
    return verify(manager, deps, step)
  })
  if (!proven) return null
  // By session: a session begins right after this, and the feed must not refuse its token.
  await deleteSessions(deps, user.id, 'session')
  await resetAttemptsAndDevices(deps, user)
  return proven
}

const unchanged = `id = :id AND email = :email AND session_epoch = :epoch AND ${activeOnly}`

const stateOf = ({ id, email, session_epoch: epoch }: User) => ({ id, email, epoch })

const verify = async (
  manager: EntityManager,
  deps: Needs,
  { user, origin }: FirstStep,
): Promise<User | null> => {
  await removeUnprovenFactors(manager, deps, user, origin)
  const { raw } = await manager
    .createQueryBuilder()
    .update(Users)
    .set({
      email_verified: true,
      password_hash: () => 'CASE WHEN password_proven_at IS NOT NULL THEN password_hash END',
      session_epoch: () => 'session_epoch + 1',
      failed_logins: 0,
      updated_at: () => 'now()',
    })
    .where(unchanged, stateOf(user))
    .returning('*')
    .execute()
  const proven = raw[0] as User | undefined
  if (!proven) return null
  await revokeUserTokens(manager, deps, proven)
  const rows = await updateModuleRows(manager, deps, 'claim', [user.id, user.email])
  const data = { before: stateBefore(user), after: stateBefore(proven), ...rows }
  await recordEvent(manager, { type: 'user.email_verified', userId: user.id, origin, data })
  return proven
}

const stateBefore = ({ email_verified, password_hash }: User) => ({
  email_verified,
  has_password: password_hash !== null,
})
