import { isoTime } from '../../platform/base/iso-time.ts'
import type { UserReply } from './schemas.ts'
import type { User } from './types.ts'
import { hasFactor } from './user-state.ts'

const textOf = (time: Date | null): string | null => time && isoTime(time.getTime())

/** A user as replies show one, without the password hash and internal fields. */
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
  mfa_enabled: hasFactor(user),
  last_login_at: textOf(user.last_login_at),
  last_password_change_at: textOf(user.last_password_change_at),
  created_at: isoTime(user.created_at.getTime()),
  updated_at: isoTime(user.updated_at.getTime()),
})

/** Hides most of an address, for the email to a reader who may only get a hint of it: `a••@example.com`. */
export const maskEmail = (email: string): string =>
  `${email.slice(0, 1)}••${email.slice(email.lastIndexOf('@'))}`
