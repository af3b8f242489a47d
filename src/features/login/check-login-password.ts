import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { wrongPasswords } from '../../platform/catalog/limits.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { knownDevice, type PasswordCounter, unknownDevices } from '../lockout/attempt-counter.ts'
import { comparePassword } from '../lockout/compare-password.ts'
import type { User } from '../users/types.ts'
import { recordFailedLogin } from './record-failed-login.ts'

type Needs = Parameters<typeof comparePassword>[0] & Parameters<typeof recordFailedLogin>[0]

type Presented = {
  /** The canonical address that was presented, or that of the user. */
  email: string
  found: User | null
  password: string
  device: { id: string; isKnown: boolean }
  inUse: readonly string[]
  origin: Origin
}

/**
 * Checks the password of a sign-in and counts it. A missing account, an account without a password, a locked password and a
 * wrong password take the same path: one attempt, one bcrypt, one row. The caller resets `counter`.
 */
export const checkLoginPassword = async (
  deps: Needs,
  { email, found, password, device, inUse, origin }: Presented,
): Promise<
  | { found: User; counter: PasswordCounter; needsRehash: boolean }
  | Problem<'INVALID_CREDENTIALS' | 'RATE_LIMIT_EXCEEDED'>
> => {
  const { config } = deps
  const { id, isKnown } = device
  const counter = found && isKnown ? knownDevice(found.id, id) : unknownDevices(email)
  const hash = found && (isKnown || !isLocked(found, config)) ? found.password_hash : null
  const compared = await comparePassword(deps, { password, hash, counter, inUse })
  if (compared instanceof Problem) return compared
  if (found && compared.matches) return { found, counter, needsRehash: compared.needsRehash }
  const counts = !isKnown && config.RATE_LIMITS !== 'off'
  await recordFailedLogin(deps, { userId: found?.id ?? null, counts, origin })
  return new Problem('INVALID_CREDENTIALS')
}

const isLocked = ({ failed_logins }: User, { RATE_LIMITS }: Deps['config']): boolean =>
  RATE_LIMITS !== 'off' && failed_logins >= wrongPasswords.atMost
