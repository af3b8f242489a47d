import { integer, list } from './variable-rules.ts'

const passwordKinds = ['letter', 'digit', 'lower', 'upper', 'symbol'] as const

/** The variables of passwords. */
export const passwordVariables = {
  BCRYPT_COST: {
    schema: integer(4, 16),
    default: '12',
    help: 'Each step doubles the time of a hash. A changed cost is applied at the next login.',
  },
  PASSWORD_MIN_LENGTH: { schema: integer(8, 64), default: '8', help: 'In code points.' },
  PASSWORD_REQUIRE: {
    schema: list(`must be a comma-separated list of ${passwordKinds.join(', ')}`, part =>
      passwordKinds.find(kind => kind === part),
    ),
    default: 'letter,digit',
    help: 'What a new password must hold: any of `letter,digit,lower,upper,symbol`.',
  },
} as const
