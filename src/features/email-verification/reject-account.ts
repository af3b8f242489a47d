import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { readOneTimeToken, tokenHash } from '../../platform/crypto/one-time-token.ts'
import { eraseAccount } from '../accounts/erase-account.ts'
import { recordEvent } from '../audit/record-event.ts'
import { removeUnprovenFactors } from '../factors/remove-unproven-factors.ts'
import { revokeUserTokens } from '../one-time-tokens/revoke-user-tokens.ts'
import { storeRejection } from '../one-time-tokens/store.ts'
import { verifyOneTimeToken } from '../one-time-tokens/verify-one-time-token.ts'
import { deleteSessions } from '../sessions/delete-sessions.ts'
import { type User, Users } from '../users/entity.ts'
import { hasModuleRows } from '../users/has-module-rows.ts'
import { findRejectable } from './find-rejectable.ts'
import { wasRejected } from './was-rejected.ts'

type Needs = Pick<Deps, 'userRows'> &
  Parameters<typeof verifyOneTimeToken>[0] &
  Parameters<typeof deleteSessions>[0]

/**
 * Removes an account that another person registered with this address. The owner of the mailbox requests it with the token
 * of the verification email. Sessions end, and the account and its emails are erased at once.
 *
 * An account with rows of a module is deactivated instead and loses the address; an administrator then decides. The same token again gets the same reply.
 */
export const rejectAccount = async (
  deps: Needs,
  { token, origin }: { token: string; origin: Origin },
): Promise<{ isRepeat: boolean } | Problem<'INVALID_TOKEN'>> => {
  const verified = await verifyOneTimeToken(deps, 'verify_email', { token })
  const read = readOneTimeToken(token)
  if (read && verified && !verified.isUsed) {
    // Stored before the removal, which erases the email row that the token is verified by.
    await storeRejection(deps, verified.userId, tokenHash(read.secret), verified.expiresIn)
    if (await remove(deps, { ...verified, origin })) {
      await deleteSessions(deps, verified.userId)
      await erase(deps, verified.userId)
      return { isRepeat: false }
    }
  }
  return (await wasRejected(deps, token)) ? { isRepeat: true } : new Problem('INVALID_TOKEN')
}

type Removal = { userId: string; address: string; origin: Origin }

const remove = (deps: Needs, { userId, address, origin }: Removal): Promise<boolean> =>
  deps.database.transaction(async manager => {
    const user: User | null = await manager.findOne(Users, {
      where: { id: userId, email: address },
      lock: { mode: 'pessimistic_write' },
    })
    if (!user || !(await findRejectable(manager, user))) return false
    const isKept = await hasModuleRows(manager, deps, userId)
    await revokeUserTokens(manager, deps, user, [])
    await removeUnprovenFactors(manager, deps, user, origin)
    // If the account is erased, its event has no user: otherwise its IP address and device would be erased with the
    // account.
    await recordEvent(manager, { type: 'user.rejected', userId: isKept ? userId : null, origin })
    await manager.update(
      Users,
      { id: userId },
      {
        // An address that no email reaches (RFC 2606).
        email: `${userId}@rejected.invalid`,
        password_hash: null,
        password_proven_at: null,
        ...(isKept ? { is_active: false } : { erase_after: () => 'now()' }),
        session_epoch: () => 'session_epoch + 1',
        updated_at: () => 'now()',
      },
    )
    return true
  })

// If this fails, the worker erases the account: its `erase_after` is due.
const erase = async (deps: Needs, userId: string): Promise<void> => {
  await eraseAccount(deps, userId).catch(err =>
    deps.log.warn({ err, user_id: userId }, 'could not erase a rejected account: the worker tries again'),
  )
}
