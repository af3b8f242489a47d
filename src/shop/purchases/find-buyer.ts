import type { User } from '../../features/users/types.ts'
import type { FieldError } from '../../platform/catalog/problem-definition.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Purchase } from './types.ts'

export type Buyer = Pick<Purchase, 'user_id' | 'full_name'> & { email: string }

const missing = (path: string): FieldError => ({ path, rule: 'missing', message: 'This field is required.' })

const notOwnEmail: FieldError = {
  path: 'email',
  rule: 'own_email',
  message: 'A signed-in user buys with the email address of their account.',
}

/** The buyer: the signed-in user, or a guest with an email address and a name. */
export const findBuyer = (given: {
  user: User | null
  email: string | null
  fullName: string | null
}): Buyer | Problem<'VALIDATION_ERROR'> => {
  const { user, email, fullName } = given
  if (user && (email === null || email === user.email))
    return { user_id: user.id, email: user.email, full_name: fullName ?? user.full_name }
  if (user) return new Problem('VALIDATION_ERROR', { errors: [notOwnEmail] })
  if (email !== null && fullName !== null) return { user_id: null, email, full_name: fullName }
  const errors = [
    ...(email === null ? [missing('email')] : []),
    ...(fullName === null ? [missing('full_name')] : []),
  ]
  return new Problem('VALIDATION_ERROR', { errors })
}
