import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { emails } from '../../platform/catalog/emails.ts'
import { queueEmail } from '../../platform/mail/outbox.ts'
import { recordEvent } from '../audit/record-event.ts'
import { type User, Users } from '../users/entity.ts'
import { activeOnly } from '../users/user-state.ts'

/** `clears`: whether to reset the count of wrong passwords from unknown devices. */
type Login = { found: User; newHash: string | null; isNewDevice: boolean; clears: boolean; origin: Origin }

/**
 * Records a login with the right password. Returns null if the stored hash is no longer the one that was compared: a
 * password that was reset in between must not sign in. The session belongs to the epoch of the returned user.
 */
export const recordLogin = (
  { database, clock }: Pick<Deps, 'database' | 'clock'>,
  { found, newHash, isNewDevice, clears, origin }: Login,
): Promise<{ user: User; emailIds: string[] } | null> =>
  database.transaction(async manager => {
    const { raw } = await manager
      .createQueryBuilder()
      .update(Users)
      .set({ password_hash: newHash, last_login_at: () => 'now()', ...(clears && { failed_logins: 0 }) })
      .where(`id = :id AND password_hash = :hash AND ${activeOnly}`, {
        id: found.id,
        hash: found.password_hash,
      })
      .returning('*')
      .execute()
    const user = raw[0] as User | undefined
    if (!user) return null
    await recordEvent(manager, { type: 'login.succeeded', userId: user.id, origin })
    if (!isNewDevice) return { user, emailIds: [] }
    const notice = await queueEmail(manager, emails.new_device, {
      recipient: user.email,
      userId: user.id,
      locale: user.preferred_language ?? 'en',
      data: { time: new Date(now(clock)).toISOString(), ip: origin.ip, device: origin.userAgent },
    })
    return { user, emailIds: [notice] }
  })
