import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { queueEmail } from '../../platform/mail/outbox.ts'
import { recordEvent } from '../audit/record-event.ts'
import type { Accepted } from '../factors/types.ts'
import type { Amr } from '../sessions/authentication.ts'
import { type User, Users } from '../users/entity.ts'
import { activeOnly } from '../users/user-state.ts'

/**
 * `newHash`: another hash of the same password, to store. `clears`: whether to reset the count of wrong passwords from
 * unknown devices. `factor`: the evidence of a second step, to use up.
 */
type Login = {
  found: User
  amr: readonly Amr[]
  newHash?: string | null
  isNewDevice: boolean
  clears: boolean
  factor?: Accepted | undefined
  origin: Origin
}

/**
 * Records a login whose steps were all right. Returns null if the account has changed since it was read, or another request
 * has used up the evidence: a password that was reset in between must not sign in, and neither may a password alone if the
 * user has just set up a factor. The session belongs to the epoch of the returned user.
 */
export const recordLogin = async (
  { database, clock }: Pick<Deps, 'database' | 'clock'>,
  login: Login,
): Promise<{ user: User; emailIds: string[] } | null> => {
  const { found, amr, isNewDevice, factor, origin } = login
  const data = { amr }
  return database.transaction(async manager => {
    // The user before the factor, in the same order as in every flow that changes factors, to prevent deadlocks.
    if (factor && !(await lockUser(manager, found))) return null
    const factorEmails = factor ? await factor.consume(manager) : []
    const user = factorEmails && (await updateUser(manager, login))
    if (!user) return null
    await recordEvent(manager, { type: 'login.succeeded', userId: user.id, origin, data })
    const notices = isNewDevice ? [await queueDeviceNotice(manager, { clock, user, origin })] : []
    return { user, emailIds: [...factorEmails, ...notices] }
  })
}

const unchanged = `id = :id AND password_hash IS NOT DISTINCT FROM :hash AND session_epoch = :epoch AND ${activeOnly}`

const stateOf = ({ id, password_hash: hash, session_epoch: epoch }: User) => ({ id, hash, epoch })

const lockUser = (manager: EntityManager, found: User): Promise<User | null> =>
  manager
    .createQueryBuilder(Users, 'users')
    .where(unchanged, stateOf(found))
    .setLock('pessimistic_write')
    .getOne()

const updateUser = async (
  manager: EntityManager,
  { found, newHash = found.password_hash, clears }: Login,
): Promise<User | undefined> => {
  const { raw } = await manager
    .createQueryBuilder()
    .update(Users)
    .set({ password_hash: newHash, last_login_at: () => 'now()', ...(clears && { failed_logins: 0 }) })
    .where(unchanged, stateOf(found))
    .returning('*')
    .execute()
  return raw[0] as User | undefined
}

const queueDeviceNotice = (
  manager: EntityManager,
  { clock, user, origin }: Pick<Deps, 'clock'> & { user: User; origin: Origin },
): Promise<string> =>
  queueEmail(manager, emails.new_device, {
    recipient: user.email,
    userId: user.id,
    locale: user.preferred_language ?? 'en',
    data: { time: new Date(now(clock)).toISOString(), ip: origin.ip, device: origin.userAgent },
  })
