import { Problem } from '../base/problems.ts'
import { isDuplicate } from '../storage/faults.ts'

/** The problem of an address that another account has by now. Any other error goes on. */
export const orTaken = (error: unknown): Problem<'DUPLICATE_ENTRY'> => {
  if (isDuplicate(error, 'users_email_key')) return new Problem('DUPLICATE_ENTRY', { detail: 'email' })
  throw error
}
