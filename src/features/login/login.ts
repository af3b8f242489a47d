import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { limits, wrongPasswords } from '../../platform/catalog/limits.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { enqueueEmails } from '../../platform/mail/outbox.ts'
import { recordEvent } from '../audit/record-event.ts'
import { deviceId } from '../devices/device-id.ts'
import { findDevice, hasDevices, markDevice } from '../devices/store.ts'
import { accountKey, knownDevice, unknownDevices } from '../lockout/attempt-counter.ts'
import { comparePassword } from '../lockout/compare-password.ts'
import { clearAttempts } from '../lockout/store.ts'
import type { SessionReply } from '../sessions/schemas.ts'
import { startSession } from '../sessions/start-session.ts'
import type { User } from '../users/entity.ts'
import { findHashesInUse, findUserByEmail } from '../users/store.ts'
import { isActive } from '../users/user-state.ts'
import { recordFailedLogin } from './record-failed-login.ts'
import { recordLogin } from './record-login.ts'

type Needs = Pick<
  Deps,
  | 'config'
  | 'clock'
  | 'log'
  | 'metrics'
  | 'database'
  | 'reads'
  | 'redis'
  | 'keys'
  | 'queue'
  | 'ring'
  | 'secrets'
  | 'hasher'
  | 'limiter'
>

type Attempt = { email: string; password: string; origin: Origin & { network: string } }

/** `isForgiven`: the sign-in does not count against the network that it came from. */
type LoggedIn = { session: SessionReply; isForgiven: boolean }

type Refusal = Problem<
  'INVALID_CREDENTIALS' | 'RATE_LIMIT_EXCEEDED' | 'ACCOUNT_DEACTIVATED' | 'EMAIL_NOT_VERIFIED'
>

/**
 * Signs in by e-mail and password. An account that is not there, one without a password, one whose password is closed
 * and a wrong password take the same path: one attempt, one bcrypt, one row, one answer. What else stands in the way
 * is said only to the right password.
 */
export const login = async (deps: Needs, attempt: Attempt): Promise<LoggedIn | Refusal> =>
  // A row that changed meanwhile is looked at once more: another login may have renewed the hash of this
  // very password.
  (await tryLogin(deps, attempt)) ?? (await tryLogin(deps, attempt)) ?? new Problem('INVALID_CREDENTIALS')

/** Null where the row changed between the comparison and the recording. */
const tryLogin = async (deps: Needs, { email, password, origin }: Attempt) => {
  const { database, reads, config } = deps
  const [found, inUse] = await Promise.all([findUserByEmail(reads, email), findHashesInUse(reads)])
  const device = deviceId(origin)
  const { isKnown, signedIn } = await findDevice(deps, found?.id ?? accountKey(email), device)
  const counter = found && isKnown ? knownDevice(found.id, device) : unknownDevices(email)
  const hash = found && (isKnown || !isClosed(found, config)) ? found.password_hash : null
  const compared = await comparePassword(deps, { password, hash, counter, inUse })
  if (compared instanceof Problem) return compared
  if (!found || !compared.matches) {
    const counts = !isKnown && config.RATE_LIMITS !== 'off'
    await recordFailedLogin(deps, { userId: found?.id ?? null, counts, origin })
    return new Problem('INVALID_CREDENTIALS')
  }
  const hindrance = signInBlocker(found, config)
  if (hindrance) {
    await recordEvent(database.manager, { type: 'login.refused', userId: found.id, origin })
    // Who is told that the password was right has tried no wrong one.
    if (hindrance.code !== 'INVALID_CREDENTIALS') await clearAttempts(deps, counter)
    return hindrance
  }

  // Before what may meet a fault: whoever has to try the right password again is not held up.
  await clearAttempts(deps, counter)
  const newHash = compared.needsRehash
    ? await deps.hasher.hash(password, { next: true })
    : found.password_hash
  const isNew = !signedIn && (await hasDevices(deps, found.id))
  const recorded = await recordLogin(deps, { found, newHash, isNewDevice: isNew, clears: !isKnown, origin })
  if (!recorded) return null
  await enqueueEmails(deps, recorded.mails)
  await markDevice(deps, found.id, device)
  const session = await startSession(deps, { user: recorded.user, origin })
  return { session, isForgiven: isKnown && (await isWithinDeviceLimit(deps, `${found.id}:${device}`)) }
}

// People of one office share a network, and most of them sign in from where they did before. Each sign-in costs a hash, so
// a device that signs in again and again counts against its network.
const isWithinDeviceLimit = async ({ limiter }: Needs, device: string): Promise<boolean> =>
  (await limiter(limits.login_device, device))?.allowed ?? false

const isClosed = ({ failed_logins }: User, { RATE_LIMITS }: Deps['config']): boolean =>
  RATE_LIMITS !== 'off' && failed_logins >= wrongPasswords.atMost

/**
 * What stands in the way of somebody who knows the password. Where registering tells nothing, nor may this: whoever
 * registers an address and then signs in would learn whether it was free.
 */
const signInBlocker = (user: User, { REQUIRE_VERIFIED_EMAIL, REGISTRATION_PRIVACY }: Deps['config']) => {
  if (REGISTRATION_PRIVACY && !user.email_verified) return new Problem('INVALID_CREDENTIALS')
  if (!isActive(user)) return new Problem('ACCOUNT_DEACTIVATED')
  return REQUIRE_VERIFIED_EMAIL && !user.email_verified ? new Problem('EMAIL_NOT_VERIFIED') : null
}
