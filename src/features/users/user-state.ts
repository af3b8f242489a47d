import type { Config } from '../../platform/config/config.ts'
import type { User } from './types.ts'

/** Whether an account is neither deactivated nor waiting to be erased. */
export const isActive = (user: Pick<User, 'is_active' | 'erase_after'>): boolean =>
  user.is_active && user.erase_after === null

/**
 * Whether a user has to verify the address before any other step. Check it at each use of a session, because the
 * configuration may have changed since the session began.
 */
export const mustVerify = (
  user: Pick<User, 'email_verified'>,
  config: Pick<Config, 'REQUIRE_VERIFIED_EMAIL' | 'REGISTRATION_PRIVACY'>,
): boolean => !user.email_verified && (config.REQUIRE_VERIFIED_EMAIL || config.REGISTRATION_PRIVACY)

/** Whether the user has set up a factor that a sign-in can ask for. Recovery codes only replace one. */
export const hasFactor = ({ factor_types }: Pick<User, 'factor_types'>): boolean =>
  factor_types.some(type => type !== 'recovery_codes')

/** The condition of `isActive` in SQL, for a statement on `users`. */
export const activeOnly = 'is_active AND erase_after IS NULL'

/**
 * Whether only the owner of the mailbox can sign in: the account has no password, or an emailed link set it. A verified
 * address is not enough: another person may have registered it and set the password before the owner verified the address.
 */
export const isMailboxOwned = (user: Pick<User, 'password_hash' | 'password_proven_at'>): boolean =>
  user.password_hash === null || user.password_proven_at !== null

/**
 * Whether an emailed link may set a password: the account is active, or its owner deleted it and it is not erased yet. An
 * administrator's deletion is due for erasure at once, so it cannot be undone.
 */
export const mayReset = (user: Pick<User, 'is_active' | 'erase_after'>, time: number): boolean =>
  user.is_active && (user.erase_after === null || user.erase_after.getTime() > time)
