import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import type { EmailDefinition, SendCondition } from '../../platform/catalog/email-definition.ts'
import type { Email } from '../../platform/mail/entity.ts'
import type { User } from '../users/entity.ts'
import { findUserByEmail } from '../users/store.ts'
import { mayReset } from '../users/user-state.ts'

type Needs = Pick<Deps, 'clock' | 'reads'>

const conditions: Record<SendCondition, (deps: Needs, user: User, row: Email) => boolean | Promise<boolean>> =
  {
    email_unverified: (_deps, user) => !user.email_verified,
    no_password: (_deps, user) => user.password_hash === null,
    may_reset: ({ clock }, user) => mayReset(user, now(clock)),
    erasure_due: (_deps, user) => user.erase_after !== null,
    // If another account has the address, its owner is not disturbed, and the user who asked does not learn of it.
    address_free: async ({ reads }, _user, { recipient }) =>
      (await findUserByEmail(reads, recipient)) === null,
  }

/** Whether the condition of an email holds at the moment of sending. */
export const meetsCondition = async (
  deps: Needs,
  { sendTo: { onlyIf } }: EmailDefinition,
  row: Email,
  user: User,
): Promise<boolean> => onlyIf === undefined || conditions[onlyIf](deps, user, row)
