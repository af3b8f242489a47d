import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { readOneTimeToken, tokenHash } from '../../platform/crypto/one-time-token.ts'
import { eraseAccount } from '../accounts/erase-account.ts'
import { recordEvent } from '../audit/record-event.ts'
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
 * Removes an account that somebody else made with this address, at the wish of the mailbox that never confirmed it: by the
 * token of the email that asks for the confirmation. Sessions end and the account is erased at once, with its mails. Where
 * it holds rows of a module, such as a payment, it is closed and loses the address, and an administrator decides. The same
 * token again gets the same answer.
 */
export const rejectAccount = async (
  deps: Needs,
  { token, origin }: { token: string; origin: Origin },
): Promise<{ isRepeat: boolean } | Problem<'INVALID_TOKEN'>> => {
  const proof = await verifyOneTimeToken(deps, 'verify_email', { token })
  const read = readOneTimeToken(token)
  if (read && proof && !proof.isUsed) {
    // Before the account is gone: with it goes the row that the token is checked by.
    await storeRejection(deps, proof.userId, tokenHash(read.secret), proof.expiresIn)
    if (await remove(deps, { ...proof, origin })) {
      await deleteSessions(deps, proof.userId)
      await erase(deps, proof.userId)
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
    // The event of an account that is erased names nobody, or its address and device would be erased with it.
    await recordEvent(manager, { type: 'user.rejected', userId: isKept ? userId : null, origin })
    await manager.update(
      Users,
      { id: userId },
      {
        // A name that no mail reaches (RFC 2606).
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

// What a fault leaves is erased by the worker: the account is closed, and due.
const erase = async (deps: Needs, userId: string): Promise<void> => {
  await eraseAccount(deps, userId).catch(err =>
    deps.log.warn({ err, user_id: userId }, 'a rejected account is not erased yet'),
  )
}
