import { type User, Users } from '../accounts/entity.ts'
import { isOpen, openOnly } from '../accounts/rules.ts'
import { findUserByEmail } from '../accounts/store.ts'
import { recordEvent } from '../audit/record-event.ts'
import { now } from '../base/clock.ts'
import { Problem } from '../base/problems.ts'
import type { Deps } from '../deps.ts'
import { deviceOf } from '../devices/rules.ts'
import { isNewDevice, markDevice } from '../devices/store.ts'
import type { SessionReply } from '../sessions/rules.ts'
import { type Origin, startSession } from '../sessions/start-session.ts'
import { enqueueMails, oweMail } from '../storage/outbox.ts'

type Needs = Pick<
  Deps,
  'config' | 'clock' | 'log' | 'database' | 'redis' | 'keys' | 'queue' | 'ring' | 'secrets' | 'hasher'
>

type Attempt = { email: string; password: string; origin: Origin & { network: string } }

/**
 * Signs in by e-mail and password. An account that is not there, one without a password and a wrong password
 * take the same path: one bcrypt, one row, one answer. What else stands in the way is said only to the right
 * password.
 */
export const login = async (
  deps: Needs,
  attempt: Attempt,
): Promise<SessionReply | Problem<'INVALID_CREDENTIALS' | 'ACCOUNT_DEACTIVATED' | 'EMAIL_NOT_VERIFIED'>> =>
  // A row that changed meanwhile is looked at once more: another login may have renewed the hash of this
  // very password.
  (await tryLogin(deps, attempt)) ?? (await tryLogin(deps, attempt)) ?? new Problem('INVALID_CREDENTIALS')

/** Null where the row changed between the comparison and the recording. */
const tryLogin = async (deps: Needs, { email, password, origin }: Attempt) => {
  const { database, config } = deps
  const found = await findUserByEmail(database, email)
  const { matches, needsRehash } = await deps.hasher.compare(password, found?.password_hash ?? null)
  if (!found || !matches) {
    await recordEvent(database.manager, { type: 'login.failed', userId: found?.id ?? null, origin })
    return new Problem('INVALID_CREDENTIALS')
  }
  const hindrance = hindranceOf(found, config)
  if (hindrance) {
    await recordEvent(database.manager, { type: 'login.refused', userId: found.id, origin })
    return hindrance
  }

  const newHash = needsRehash ? await deps.hasher.hash(password) : found.password_hash
  const device = deviceOf(origin)
  const isNew = await isNewDevice(deps, found.id, device)
  const recorded = await recordLogin(deps, { found, newHash, isNewDevice: isNew, origin })
  if (!recorded) return null
  await enqueueMails(deps, recorded.mails)
  await markDevice(deps, found.id, device)
  return startSession(deps, { user: recorded.user, origin })
}

/**
 * What stands in the way of somebody who knows the password. Where registering tells nothing, nor may this: whoever
 * registers an address and then signs in would learn whether it was free.
 */
const hindranceOf = (user: User, { REQUIRE_VERIFIED_EMAIL, REGISTRATION_PRIVACY }: Deps['config']) => {
  if (REGISTRATION_PRIVACY && !user.email_verified) return new Problem('INVALID_CREDENTIALS')
  if (!isOpen(user)) return new Problem('ACCOUNT_DEACTIVATED')
  return REQUIRE_VERIFIED_EMAIL && !user.email_verified ? new Problem('EMAIL_NOT_VERIFIED') : null
}

type Login = { found: User; newHash: string | null; isNewDevice: boolean; origin: Origin }

// The hash that was compared must still be the stored one: a password that was reset meanwhile opens nothing.
// The epoch that comes back is the one that the session belongs to.
const recordLogin = (
  { database, clock }: Needs,
  { found, newHash, isNewDevice, origin }: Login,
): Promise<{ user: User; mails: string[] } | null> =>
  database.transaction(async manager => {
    const { raw } = await manager
      .createQueryBuilder()
      .update(Users)
      .set({ password_hash: newHash, last_login_at: () => 'now()' })
      .where(`id = :id AND password_hash = :hash AND ${openOnly}`, {
        id: found.id,
        hash: found.password_hash,
      })
      .returning('*')
      .execute()
    const user = raw[0] as User | undefined
    if (!user) return null
    await recordEvent(manager, { type: 'login.succeeded', userId: user.id, origin })
    if (!isNewDevice) return { user, mails: [] }
    const notice = await oweMail(manager, {
      kind: 'new_device',
      recipient: user.email,
      userId: user.id,
      locale: user.preferred_language ?? 'en',
      data: { time: new Date(now(clock)).toISOString(), ip: origin.ip, device: origin.userAgent },
    })
    return { user, mails: [notice] }
  })
