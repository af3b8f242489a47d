import { v7 as uuid } from 'uuid'
import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { isOutage } from '../../platform/base/store-errors.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { queueEmail, startDelivery } from '../../platform/mail/outbox.ts'
import { recordEvent } from '../audit/record-event.ts'
import { deviceId } from '../devices/device-id.ts'
import { rememberDevice } from '../devices/remember-device.ts'
import { addSignedInDevice } from '../devices/store.ts'
import { validateNewPassword } from '../passwords/validate-new-password.ts'
import { deleteSessions } from '../sessions/delete-sessions.ts'
import type { SessionReply } from '../sessions/schemas.ts'
import { startSession } from '../sessions/start-session.ts'
import { type User, Users } from '../users/entity.ts'
import type { UserReply } from '../users/schemas.ts'
import { userView } from '../users/view.ts'
import { clearUnverifiedPassword } from './clear-unverified-password.ts'
import { hasReachedNoticeLimit } from './has-reached-notice-limit.ts'
import type { Profile } from './update-profile.ts'

type NewAccount = { email: string; password: string } & Omit<Profile, 'picture_url'>

type Needs = Parameters<typeof startSession>[0] &
  Parameters<typeof validateNewPassword>[0] &
  Pick<Deps, 'log' | 'database' | 'queue' | 'hasher' | 'metrics' | 'emails'>

type Request = {
  registration: NewAccount
  /** Of the access token. */
  audience: string
  locale: string
  origin: Origin & { network: string }
}

/**
 * Creates an account, queues the email that verifies its address in the same transaction, and starts a session. Without a
 * session the reply holds only the user: the address must be verified first, or Redis does not answer.
 *
 * With `REGISTRATION_PRIVACY` the reply is empty, the same for a new and a taken address. The owner of a taken address gets
 * an email.
 */
export const register = async (
  deps: Needs,
  { registration, audience, locale, origin }: Request,
): Promise<SessionReply | { user?: UserReply } | Problem<'USER_EXISTS' | 'VALIDATION_ERROR'>> => {
  const { config } = deps
  const { password, ...profile } = registration
  const owner = { email: profile.email, full_name: profile.full_name ?? null }
  const weak = validateNewPassword(deps, owner, password, 'password')
  if (weak) return weak

  const hash = await deps.hasher.hash(password)
  const created = await insert(deps, { profile, hash, locale, origin })
  if (!created) return new Problem('USER_EXISTS')
  const { user, clearedId, emailId } = created
  await startDelivery(deps, [emailId])
  // Not awaited: the time of the reply must not tell that the address had an account.
  if (clearedId !== null) void deleteSessions(deps, clearedId)
  // With `REGISTRATION_PRIVACY` no device is stored here: its own attempt counter would reveal that the address was free.
  if (config.REGISTRATION_PRIVACY || !user) return {}
  if (!config.REQUIRE_VERIFIED_EMAIL) return startOwnSession(deps, { user, audience, origin })
  await rememberDevice(deps, user.id, origin)
  return { user: userView(user) }
}

const startOwnSession = async (
  deps: Needs,
  { user, audience, origin }: { user: User } & Pick<Request, 'audience' | 'origin'>,
): Promise<SessionReply | { user: UserReply }> => {
  try {
    const session = await startSession(deps, { user, amr: ['pwd'], audience, origin })
    await addSignedInDevice(deps, user.id, deviceId(origin))
    return session
  } catch (error) {
    if (!isOutage(error)) throw error
    deps.log.warn({ err: error, user_id: user.id }, 'a user was registered, but no session could start')
    return { user: userView(user) }
  }
}

type Entry = { profile: Omit<NewAccount, 'password'>; hash: string; locale: string; origin: Origin }

// With `REGISTRATION_PRIVACY` a taken address runs the same statements as a new one, so that their time does not differ: an
// insert, an update, a deletion, an event, a count, an email.
const insert = (
  deps: Needs,
  { profile, hash, locale, origin }: Entry,
): Promise<{ user: User | null; clearedId: string | null; emailId: string } | null> =>
  deps.database.transaction(async manager => {
    const { config } = deps
    const { raw } = await manager
      .createQueryBuilder()
      .insert()
      .into(Users)
      .values({ ...profile, id: uuid(), password_hash: hash })
      .orIgnore()
      .returning('*')
      .execute()
    const user = (raw[0] as User | undefined) ?? null
    if (!user && !config.REGISTRATION_PRIVACY) return null
    const id = user?.id ?? null
    const { REGISTRATION_PRIVACY: isPrivate } = config
    const registered = { email: profile.email, exceptId: id, origin }
    const clearedId = isPrivate ? await clearUnverifiedPassword(manager, deps, registered) : null
    const type = user ? 'user.registered' : 'user.registration_refused'
    await recordEvent(manager, { type, userId: id, origin })
    const email = user ? emails.verify_email : clearedId ? emails.reset_password : emails.account_exists
    const isLimited = isPrivate && (await hasReachedNoticeLimit(manager, profile.email))
    const dropped = isLimited && email === emails.account_exists
    const emailId = await queueEmail(manager, email, {
      recipient: profile.email,
      userId: id,
      locale,
      dropped,
    })
    return { user, clearedId, emailId }
  })
