import type { Deps } from '../../deps.ts'
import { resetDevices } from '../devices/store.ts'
import { deleteCounters } from './store.ts'

/**
 * Deletes the counted attempts and the known devices of a user. Call it after the transaction that replaced the password
 * has committed: a device that signed in with the old password may be an attacker's. A failure is only logged, because the
 * new password is already stored.
 */
export const resetAttemptsAndDevices = async (
  deps: Pick<Deps, 'log' | 'redis' | 'keys'>,
  user: { id: string; email: string },
): Promise<void> => {
  const reset = Promise.all([deleteCounters(deps, user), resetDevices(deps, user.id)])
  await reset.catch(err => deps.log.warn({ err }, 'attempts and devices were not reset'))
}
