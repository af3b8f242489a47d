import { isDuplicate } from '../../platform/base/store-errors.ts'
import { Problem } from '../../platform/catalog/problems.ts'

/** The problem of an address that another account has by now. Any other error goes on. */
export const addressTakenProblem = (error: unknown): Problem<'DUPLICATE_ENTRY'> => {
  if (isDuplicate(error, 'users_email_key')) return new Problem('DUPLICATE_ENTRY', { detail: 'email' })
  throw error
}
