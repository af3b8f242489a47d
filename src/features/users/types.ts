import * as v from 'valibot'
import { named, time } from '../../platform/base/field-shapes.ts'
import type { Config } from '../../platform/config/config.ts'

export type Role = 'user' | 'admin'

export type User = {
  id: string
  email: string
  email_verified: boolean
  password_hash: string | null
  full_name: string | null
  phone: string | null
  address: string | null
  preferred_language: string | null
  picture_url: string | null
  roles: Role[]
  is_active: boolean
  /** Sessions remember the epoch they began in. Raising it ends them all, even ones that Redis forgot to forget. */
  session_epoch: number
  /** Wrong passwords in a row that strangers tried. At 100 theirs are compared no more. */
  failed_logins: number
  /** Set while the account waits to be erased: nobody signs in, and the owner may still undo it. */
  erase_after: Date | null
  last_login_at: Date | null
  last_password_change_at: Date | null
  /** When a mailed link to the present address set the password, or the one that this password was changed from. */
  password_proven_at: Date | null
  created_at: Date
  updated_at: Date
}

/** An address that was taken in. The validator's own rule for one knows no IDN domain and not every sign. */
export const emailReply = v.pipe(v.string(), v.metadata({ format: 'email' }))

/** A user as replies show one. */
export const userReply = named('User', {
  id: v.pipe(v.string(), v.uuid()),
  email: emailReply,
  email_verified: v.boolean(),
  full_name: v.nullable(v.string()),
  phone: v.nullable(v.string()),
  address: v.nullable(v.string()),
  preferred_language: v.nullable(v.string()),
  picture_url: v.nullable(v.string()),
  roles: v.array(v.picklist(['user', 'admin'])),
  is_active: v.boolean(),
  mfa_enabled: v.boolean(),
  last_login_at: v.nullable(time),
  last_password_change_at: v.nullable(time),
  created_at: time,
  updated_at: time,
})

export type UserReply = v.InferOutput<typeof userReply>

export const userView = (user: User): UserReply => ({
  id: user.id,
  email: user.email,
  email_verified: user.email_verified,
  full_name: user.full_name,
  phone: user.phone,
  address: user.address,
  preferred_language: user.preferred_language,
  picture_url: user.picture_url,
  roles: user.roles,
  is_active: user.is_active,
  // Passwords are the only factor so far.
  mfa_enabled: false,
  last_login_at: user.last_login_at?.toISOString() ?? null,
  last_password_change_at: user.last_password_change_at?.toISOString() ?? null,
  created_at: user.created_at.toISOString(),
  updated_at: user.updated_at.toISOString(),
})

/** Whether an account takes part: not deactivated, and not waiting to be erased. */
export const isActive = (user: Pick<User, 'is_active' | 'erase_after'>): boolean =>
  user.is_active && user.erase_after === null

/**
 * Whether a user has to verify the address before anything else. The configuration may have changed since the session
 * began, so each use of a session asks.
 */
export const mustVerify = (
  user: Pick<User, 'email_verified'>,
  config: Pick<Config, 'REQUIRE_VERIFIED_EMAIL' | 'REGISTRATION_PRIVACY'>,
): boolean => !user.email_verified && (config.REQUIRE_VERIFIED_EMAIL || config.REGISTRATION_PRIVACY)

/** The same as `isActive`, for a statement on `users`. */
export const activeOnly = 'is_active AND erase_after IS NULL'

/**
 * Whether only the owner of the mailbox can sign in: the account has no password, or an emailed link set it. A verified
 * address is not enough: another person may have registered it and set the password before the owner confirmed the address.
 */
export const isMailboxOwned = (user: Pick<User, 'password_hash' | 'password_proven_at'>): boolean =>
  user.password_hash === null || user.password_proven_at !== null

/**
 * Whether an emailed link may set a password: the account is active, or its owner deleted it and it is not erased yet. An
 * administrator's deletion is due for erasure at once, so it cannot be undone.
 */
export const mayReset = (user: Pick<User, 'is_active' | 'erase_after'>, time: number): boolean =>
  user.is_active && (user.erase_after === null || user.erase_after.getTime() > time)

/** An address as a mail may show it to somebody who has a right to a hint and no more: `a••@example.com`. */
export const maskEmail = (email: string): string =>
  `${email.slice(0, 1)}••${email.slice(email.lastIndexOf('@'))}`

export const liveSessionReply = named('Session', {
  id: v.string(),
  created_at: time,
  last_used_at: time,
  expires_at: time,
  ip: v.string(),
  user_agent: v.string(),
  browser: v.nullable(v.string()),
  system: v.nullable(v.string()),
  current: v.boolean(),
  /** Only there where it began before the address was confirmed: it may be that of somebody who registered the address. */
  created_before_verification: v.exactOptional(v.literal(true)),
})

/** What `GET /auth/me/export` gives; `modules` is what application modules hold, by their names. */
export const exportReply = named('AccountExport', {
  user: userReply,
  sessions: v.array(liveSessionReply),
  emails: v.array(
    v.object({
      kind: v.string(),
      recipient: v.string(),
      status: v.nullable(v.string()),
      created_at: time,
      sent_at: v.nullable(time),
    }),
  ),
  audit_events: v.array(
    v.object({
      type: v.string(),
      ip: v.nullable(v.string()),
      user_agent: v.nullable(v.string()),
      data: v.nullable(v.record(v.string(), v.unknown())),
      created_at: time,
    }),
  ),
  modules: v.record(v.string(), v.array(v.record(v.string(), v.unknown()))),
})
