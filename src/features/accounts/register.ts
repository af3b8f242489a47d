import { v7 as uuid } from 'uuid'
import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { isOutage } from '../../platform/base/store-errors.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { enqueueEmails, queueEmail } from '../../platform/mail/outbox.ts'
import { recordEvent } from '../audit/record-event.ts'
import { deviceId } from '../devices/device-id.ts'
import { rememberDevice } from '../devices/remember-device.ts'
import { markDevice } from '../devices/store.ts'
import { validateNewPassword } from '../passwords/validate-new-password.ts'
import type { SessionReply } from '../sessions/schemas.ts'
import { startSession } from '../sessions/start-session.ts'
import { type User, Users } from '../users/entity.ts'
import type { UserReply } from '../users/schemas.ts'
import { userView } from '../users/view.ts'
import { clearUnverifiedPassword } from './clear-unverified-password.ts'
import { hasReachedNoticeLimit } from './has-reached-notice-limit.ts'
import type { Profile } from './update-profile.ts'

export type Registration = { email: string; password: string } & Omit<Profile, 'picture_url'>

type Needs = Pick<
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
>

type Asked = { registration: Registration; locale: string; origin: Origin & { network: string } }

/**
 * Makes an account, owes it the mail that verifies its address in the same transaction, and begins a session.
 * Where no session may or can begin (an address must be verified first; Redis does not answer) the reply holds the
 * user alone. With `REGISTRATION_PRIVACY` it holds nothing, the same for a new address and a taken one, whose owner
 * gets a mail.
 */
export const register = async (
  deps: Needs,
  { registration, locale, origin }: Asked,
): Promise<SessionReply | { user?: UserReply } | Problem<'USER_EXISTS' | 'VALIDATION_ERROR'>> => {
  const { config } = deps
  const { password, ...profile } = registration
  const owner = { email: profile.email, full_name: profile.full_name ?? null }
  const weak = validateNewPassword(deps, owner, password, 'password')
  if (weak) return weak

  const hash = await deps.hasher.hash(password)
  const made = await insert(deps, { profile, hash, locale, origin })
  if (!made) return new Problem('USER_EXISTS')
  const { user, mail } = made
  await enqueueEmails(deps, [mail])
  // With `REGISTRATION_PRIVACY` no device is remembered here: its own attempts would show that the address was free.
  if (config.REGISTRATION_PRIVACY || !user) return {}
  if (!config.REQUIRE_VERIFIED_EMAIL) return begin(deps, user, origin)
  await rememberDevice(deps, user.id, origin)
  return { user: userView(user) }
}

const begin = async (
  deps: Needs,
  user: User,
  origin: Asked['origin'],
): Promise<SessionReply | { user: UserReply }> => {
  try {
    const session = await startSession(deps, { user, origin })
    await markDevice(deps, user.id, deviceId(origin))
    return session
  } catch (error) {
    if (!isOutage(error)) throw error
    deps.log.warn({ err: error, user_id: user.id }, 'registered without a session')
    return { user: userView(user) }
  }
}

type Entry = { profile: Omit<Registration, 'password'>; hash: string; locale: string; origin: Origin }

// A taken address costs the same statements as a new one where nobody is to know: an insert, an update, an event, a
// count, a mail.
const insert = (
  { database, config }: Needs,
  { profile, hash, locale, origin }: Entry,
): Promise<{ user: User | null; mail: string } | null> =>
  database.transaction(async manager => {
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
    const claimed = config.REGISTRATION_PRIVACY && (await clearUnverifiedPassword(manager, profile.email, id))
    const type = user ? 'user.registered' : 'user.registration_refused'
    await recordEvent(manager, { type, userId: id, origin })
    const email = user ? emails.verify_email : claimed ? emails.reset_password : emails.account_exists
    const told = config.REGISTRATION_PRIVACY && (await hasReachedNoticeLimit(manager, profile.email))
    const dropped = told && email === emails.account_exists
    const mail = await queueEmail(manager, email, { recipient: profile.email, userId: id, locale, dropped })
    return { user, mail }
  })
