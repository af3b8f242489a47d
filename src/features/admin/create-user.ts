import { v7 as uuid } from 'uuid'
import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { isDuplicate } from '../../platform/base/store-errors.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { enqueueEmails, queueEmail } from '../../platform/mail/outbox.ts'
import { recordEvent } from '../audit/record-event.ts'
import { validateNewPassword } from '../passwords/validate-new-password.ts'
import { type User, Users } from '../users/entity.ts'
import type { Role } from '../users/types.ts'

type Needs = Pick<Deps, 'log' | 'database' | 'queue' | 'hasher' | 'checkPassword'>

type NewUser = {
  email: string
  fullName: string | null
  /** Null: the owner chooses one, by a link that is mailed. */
  password: string | null
  roles: Role[]
  verified: boolean
  actorId: string | null
  origin: Origin
}

/**
 * Makes an account for somebody else. It owes them one mail, in the same transaction: to choose a password where there
 * is none, which verifies the address too, or else to verify the address where nobody vouches for it.
 */
export const createUser = async (
  deps: Needs,
  given: NewUser,
): Promise<{ user: User; mail: string | null } | Problem<'USER_EXISTS' | 'VALIDATION_ERROR'>> => {
  const { email, fullName, password } = given
  const weak = password && validateNewPassword(deps, { email, full_name: fullName }, password, 'password')
  if (weak) return weak
  const hash = password === null ? null : await deps.hasher.hash(password, { lane: 'known' })
  const created = await insert(deps, given, hash)
  if (!created) return new Problem('USER_EXISTS')
  if (created.mail) await enqueueEmails(deps, [created.mail])
  return created
}

const insert = async (
  { database }: Needs,
  { email, fullName, roles, verified, actorId, origin }: NewUser,
  hash: string | null,
): Promise<{ user: User; mail: string | null } | null> => {
  const id = uuid()
  const profile = { email, full_name: fullName, roles, email_verified: verified, password_hash: hash }
  try {
    return await database.transaction(async manager => {
      // An operator who vouches for the address and sets the password has proven both.
      const proven = verified && hash !== null && { password_proven_at: () => 'now()' }
      await manager.insert(Users, { id, ...profile, ...proven })
      const data = { after: { email_verified: verified, roles, has_password: hash !== null } }
      await recordEvent(manager, { type: 'user.registered', userId: id, actorId, origin, data })
      const invitation = hash === null ? emails.reset_password : verified ? null : emails.verify_email
      const mail =
        invitation && (await queueEmail(manager, invitation, { recipient: email, userId: id, locale: 'en' }))
      return { user: await manager.findOneByOrFail(Users, { id }), mail }
    })
  } catch (error) {
    if (isDuplicate(error, 'users_email_key')) return null
    throw error
  }
}
