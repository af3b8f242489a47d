import { isDuplicate } from '../../platform/base/store-errors.ts'
import { Problem } from '../../platform/catalog/problems.ts'

/** Turns a unique violation, because another account has the address by now, into a problem. Rethrows any other error. */
export const addressTakenProblem = (error: unknown): Problem<'DUPLICATE_ENTRY'> => {
  if (isDuplicate(error, 'users_email_key')) return new Problem('DUPLICATE_ENTRY', { detail: 'email' })
  throw error
}
