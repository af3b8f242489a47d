import type { User } from '../users/types.ts'

/**
 * Whether only the owner of the mailbox can sign in: there is no password, or a mailed link has set it. A verified address
 * is not enough. A stranger may have registered it and set the password before the owner of the mailbox confirmed it.
 */
export const isMailboxOwned = (user: Pick<User, 'password_hash' | 'password_proven_at'>): boolean =>
  user.password_hash === null || user.password_proven_at !== null

/**
 * Whether a mailed link may set a password: the account is open, or its owner has deleted it and it is not erased yet. An
 * administrator's deletion is due at once, so it is final.
 */
export const mayReset = (user: Pick<User, 'is_active' | 'erase_after'>, time: number): boolean =>
  user.is_active && (user.erase_after === null || user.erase_after.getTime() > time)
