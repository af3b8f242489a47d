import type { FactorType } from '../../platform/catalog/factors.ts'

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
  /** The types of the user's confirmed factors. A trigger of Postgres writes it whenever a factor changes. */
  factor_types: FactorType[]
  /** A session stores the epoch that it began in. Raising the epoch ends every session, even one that Redis failed to delete. */
  session_epoch: number
  /** Wrong passwords in a row from unknown devices. At 100, their passwords are no longer compared. */
  failed_logins: number
  /** Set while a deleted account waits to be erased. No one can sign in, and the owner can still undo the deletion. */
  erase_after: Date | null
  last_login_at: Date | null
  last_password_change_at: Date | null
  /** When a link emailed to the current address set this password, or the password that this one was changed from. */
  password_proven_at: Date | null
  created_at: Date
  updated_at: Date
}
