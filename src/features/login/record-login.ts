import type { EntityManager } from 'typeorm'
import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { queueEmail } from '../../platform/mail/outbox.ts'
import type { Statement } from '../../platform/postgres/prepared-read.ts'
import { runPrepared } from '../../platform/postgres/run-prepared.ts'
import { eventValues, insertEvent } from '../audit/store.ts'
import type { Accepted } from '../factors/types.ts'
import type { Amr } from '../sessions/authentication.ts'
import { userColumns } from '../users/store.ts'
import type { User } from '../users/types.ts'
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
  const { found, isNewDevice, factor, origin } = login
  const values = valuesOf(login)
  if (!factor && !isNewDevice) {
    const [user] = await runPrepared<User>(database, recordUser, values)
    return user ? { user, emailIds: [] } : null
  }
  return database.transaction(async manager => {
    // The user before the factor, in the same order as in every flow that changes factors, to prevent deadlocks.
    if (factor && !(await lockUser(manager, found))) return null
    const factorEmails = factor ? await factor.consume(manager) : []
    if (!factorEmails) return null
    const [user]: User[] = await manager.query(recordUser.text, values)
    if (!user) return null
    const notices = isNewDevice ? [await queueDeviceNotice(manager, { clock, user, origin })] : []
    return { user, emailIds: [...factorEmails, ...notices] }
  })
}

const unchanged = `id = $1 AND password_hash IS NOT DISTINCT FROM $2 AND session_epoch = $3 AND ${activeOnly}`

const stateOf = ({ id, password_hash, session_epoch }: User) => [id, password_hash, session_epoch]

// One statement is one transaction. As four statements (BEGIN, UPDATE, INSERT, COMMIT), it took three more round trips.
const recordUser: Statement = {
  name: 'record-login',
  text: `WITH signed_in AS (
      UPDATE users SET password_hash = $4, last_login_at = now(),
        failed_logins = CASE WHEN $5 THEN 0 ELSE failed_logins END
      WHERE ${unchanged} RETURNING ${userColumns}
    ), event AS (${insertEvent(6, 'id', 'FROM signed_in')})
    SELECT * FROM signed_in`,
}

const valuesOf = ({ found, newHash = found.password_hash, clears, amr, origin }: Login): unknown[] => [
  ...stateOf(found),
  newHash,
  clears,
  ...eventValues({ type: 'login.succeeded', origin, data: { amr } }),
]

const lockUser = async (manager: EntityManager, found: User): Promise<boolean> => {
  const locked: unknown[] = await manager.query(
    `SELECT 1 FROM users WHERE ${unchanged} FOR UPDATE`,
    stateOf(found),
  )
  return locked.length === 1
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
