import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { limits } from '../../platform/catalog/limits.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { recordEvent } from '../audit/record-event.ts'
import { findRequestDevice } from '../devices/find-request-device.ts'
import { accountKey } from '../lockout/attempt-counter.ts'
import { resetCounter } from '../lockout/store.ts'
import type { SessionReply } from '../sessions/schemas.ts'
import { findHashesInUse, findUserByEmail } from '../users/store.ts'
import { checkLoginPassword } from './check-login-password.ts'
import { finishLogin } from './finish-login.ts'
import { signInBlocker } from './sign-in-blocker.ts'

type Needs = Parameters<typeof finishLogin>[0] &
  Parameters<typeof checkLoginPassword>[0] &
  Pick<Deps, 'log' | 'metrics' | 'database' | 'reads' | 'queue' | 'limiter'>

type Attempt = { email: string; password: string; audience: string; origin: Origin & { network: string } }

/**
 * The password was right. `isExemptFromIpLimit`: the login came from a known device, and does not count in the limit of its
 * network.
 */
type LoggedIn = { result: SessionReply | Problem<'MFA_REQUIRED'>; isExemptFromIpLimit: boolean }

type Refusal = Problem<
  'INVALID_CREDENTIALS' | 'RATE_LIMIT_EXCEEDED' | 'ACCOUNT_DEACTIVATED' | 'EMAIL_NOT_VERIFIED'
>

/**
 * Signs in with email and password, or asks for a second step. A missing account, an account without a password, a locked
 * password and a wrong password take the same path and get one reply. Only a client that sent the right password gets any
 * other reply.
 */
export const login = async (deps: Needs, attempt: Attempt): Promise<LoggedIn | Refusal> =>
  // Try again if the row changed in between: a concurrent login may have stored a new hash of the same password.
  (await tryLogin(deps, attempt)) ?? (await tryLogin(deps, attempt)) ?? new Problem('INVALID_CREDENTIALS')

/** Null if the row changed between the comparison and the update. */
const tryLogin = async (deps: Needs, { email, password, audience, origin }: Attempt) => {
  const { database, reads, config } = deps
  const [user, inUse] = await Promise.all([findUserByEmail(reads, email), findHashesInUse(reads)])
  const device = await findRequestDevice(deps, user?.id ?? accountKey(email), origin)
  const presented = { email, found: user, password, device, inUse, origin }
  const checked = await checkLoginPassword(deps, presented)
  if (checked instanceof Problem) return checked
  const { found, counter, needsRehash } = checked
  const blocker = signInBlocker(found, config)
  if (blocker) {
    await recordEvent(database.manager, { type: 'login.refused', userId: found.id, origin })
    if (blocker === 'hidden') return new Problem('INVALID_CREDENTIALS')
    // This reply reveals that the password was right, so the attempt does not count as a wrong one.
    await resetCounter(deps, counter)
    return blocker
  }

  // Clear the attempt counter before any step that can fail, so that a retry with the right password is not rate limited.
  const [isExemptFromIpLimit] = await Promise.all([
    device.isKnown && isWithinDeviceLimit(deps, `${found.id}:${device.id}`),
    resetCounter(deps, counter),
  ])
  const newHash = needsRehash ? await deps.hasher.hash(password, { next: true }) : found.password_hash
  const result = await finishLogin(deps, { found, amr: ['pwd'], device, newHash, audience, origin })
  if (result === null) return null
  return { result, isExemptFromIpLimit }
}

// Logins from known devices do not use up the limit of a network, because the people of an office share one. Each login
// costs a hash, so a device that signs in very often counts again.
const isWithinDeviceLimit = async ({ limiter }: Needs, device: string): Promise<boolean> =>
  (await limiter(limits.login_device, device))?.allowed ?? false
