import { integer, list } from './variable-rules.ts'

const passwordKinds = ['letter', 'digit', 'lower', 'upper', 'symbol'] as const

/** The variables for passwords. */
export const passwordVariables = {
  BCRYPT_COST: {
    schema: integer(4, 16),
    default: '12',
    help: 'The bcrypt cost of password hashes. Each step doubles the time of a hash. A changed cost applies to an account at its next login.',
  },
  PASSWORD_MIN_LENGTH: {
    schema: integer(8, 64),
    default: '8',
    help: 'The shortest password that is accepted, in Unicode code points.',
  },
  PASSWORD_REQUIRE: {
    schema: list(`must be a comma-separated list of ${passwordKinds.join(', ')}`, part =>
      passwordKinds.find(kind => kind === part),
    ),
    default: 'letter,digit',
    help: 'The kinds of characters that a new password must contain: any of `letter,digit,lower,upper,symbol`.',
  },
} as const
