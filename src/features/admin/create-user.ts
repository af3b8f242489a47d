import { v7 as uuid } from 'uuid'
import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { isDuplicate } from '../../platform/base/store-errors.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { queueEmail, startDelivery } from '../../platform/mail/outbox.ts'
import { recordEvent } from '../audit/record-event.ts'
import { validateNewPassword } from '../passwords/validate-new-password.ts'
import { type User, Users } from '../users/entity.ts'
import type { Role } from '../users/types.ts'

type Needs = Pick<Deps, 'log' | 'database' | 'queue' | 'hasher' | 'checkPassword'>

type NewUser = {
  email: string
  fullName: string | null
  /** Null: the owner chooses one by an emailed link. */
  password: string | null
  roles: Role[]
  verified: boolean
  actorId: string | null
  origin: Origin
}

/**
 * Creates an account for another person and queues at most one email in the same transaction. Without a password, the email
 * lets the owner choose one, which also verifies the address. With a password, it asks the owner to verify the address,
 * unless the operator says that it is verified.
 */
export const createUser = async (
  deps: Needs,
  given: NewUser,
): Promise<{ user: User; emailId: string | null } | Problem<'USER_EXISTS' | 'VALIDATION_ERROR'>> => {
  const { email, fullName, password } = given
  const weak = password && validateNewPassword(deps, { email, full_name: fullName }, password, 'password')
  if (weak) return weak
  const hash = password === null ? null : await deps.hasher.hash(password, { lane: 'known' })
  const created = await insert(deps, given, hash)
  if (!created) return new Problem('USER_EXISTS')
  if (created.emailId) await startDelivery(deps, [created.emailId])
  return created
}

const insert = async (
  { database }: Needs,
  { email, fullName, roles, verified, actorId, origin }: NewUser,
  hash: string | null,
): Promise<{ user: User; emailId: string | null } | null> => {
  const id = uuid()
  const profile = { email, full_name: fullName, roles, email_verified: verified, password_hash: hash }
  try {
    return await database.transaction(async manager => {
      // A password that the operator sets for an address declared as verified counts as set by the owner of the mailbox.
      const ownedPassword = verified && hash !== null && { password_proven_at: () => 'now()' }
      await manager.insert(Users, { id, ...profile, ...ownedPassword })
      const data = { after: { email_verified: verified, roles, has_password: hash !== null } }
      await recordEvent(manager, { type: 'user.registered', userId: id, actorId, origin, data })
      const invitation = hash === null ? emails.reset_password : verified ? null : emails.verify_email
      const emailId =
        invitation && (await queueEmail(manager, invitation, { recipient: email, userId: id, locale: 'en' }))
      return { user: await manager.findOneByOrFail(Users, { id }), emailId }
    })
  } catch (error) {
    if (isDuplicate(error, 'users_email_key')) return null
    throw error
  }
}
