import { v7 as uuid } from 'uuid'
import { Problem } from '../base/problems.ts'
import type { Deps } from '../deps.ts'
import type { SessionReply } from '../sessions/rules.ts'
import { type Origin, startSession } from '../sessions/start-session.ts'
import { isDuplicate, isFault } from '../storage/faults.ts'
import { enqueueMails, oweMail } from '../storage/outbox.ts'
import { type User, Users } from './entity.ts'
import { type UserReply, userView } from './rules.ts'
import type { Profile } from './update-profile.ts'

export type Registration = { email: string; password: string } & Omit<Profile, 'picture_url'>

/**
 * Makes an account, owes it the mail that verifies its address in the same transaction, and begins a session.
 * Where sessions cannot be begun for the moment the account stands all the same: the reply then holds the user
 * alone, and the client signs in later.
 */
export const register = async (
  deps: Pick<
    Deps,
    | 'config'
    | 'clock'
    | 'log'
    | 'database'
    | 'redis'
    | 'keys'
    | 'queue'
    | 'ring'
    | 'secrets'
    | 'hasher'
    | 'checkPassword'
  >,
  { registration, locale, origin }: { registration: Registration; locale: string; origin: Origin },
): Promise<SessionReply | { user: UserReply } | Problem<'USER_EXISTS' | 'VALIDATION_ERROR'>> => {
  const { password, ...profile } = registration
  const weakness = deps.checkPassword(password, { email: profile.email, fullName: profile.full_name })
  if (weakness)
    return new Problem('VALIDATION_ERROR', {
      errors: [{ path: 'password', rule: weakness.rule, message: `This ${weakness.message}.` }],
    })

  const created = await insert(deps.database, profile, await deps.hasher.hash(password), locale)
  if (!created) return new Problem('USER_EXISTS')
  const { user, mail } = created
  await enqueueMails(deps, [mail])
  return startSession(deps, { user, origin }).catch(error => {
    if (!isFault(error)) throw error
    deps.log.warn({ err: error, user_id: user.id }, 'registered without a session')
    return { user: userView(user) }
  })
}

const insert = async (
  database: Deps['database'],
  profile: Omit<Registration, 'password'>,
  passwordHash: string,
  locale: string,
): Promise<{ user: User; mail: string } | null> => {
  const id = uuid()
  try {
    return await database.transaction(async manager => {
      await manager.insert(Users, { ...profile, id, password_hash: passwordHash })
      const mail = await oweMail(manager, {
        kind: 'verify_email',
        recipient: profile.email,
        userId: id,
        locale,
      })
      return { user: await manager.findOneByOrFail(Users, { id }), mail }
    })
  } catch (error) {
    if (isDuplicate(error, 'users_email_key')) return null
    throw error
  }
}
