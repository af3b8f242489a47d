import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'
import { tokenPurposes } from '../../platform/catalog/token-purposes.ts'
import { revokeUserTokens } from '../one-time-tokens/revoke-user-tokens.ts'

/**
 * Revokes the links that undo changes of factors, after every factor of a user was removed permanently. A late click would only
 * remove what the owner has added since, and the password.
 */
export const revokeUndoLinks = (
  manager: EntityManager,
  deps: Pick<Deps, 'emails'>,
  user: { id: string; email: string },
): Promise<void> => {
  const kept = tokenPurposes.filter(purpose => purpose !== 'undo_factor')
  return revokeUserTokens(manager, deps, user, kept)
}
