import type { Deps } from '../deps.ts'
import { forgetDevices } from '../devices/store.ts'
import { dropAttempts } from './store.ts'

/**
 * Call it after a password was replaced, and that committed. Earlier wrong passwords delay nobody, and a device that
 * signed in by the old password is not known any more. `device` is the one that replaced the password. It stays or
 * becomes known, and so has its own attempts: strangers who use up theirs again cannot keep the owner out there. A fault
 * is no reason to fail.
 */
export const forgetAttempts = async (
  deps: Pick<Deps, 'log' | 'redis' | 'keys'>,
  user: { id: string; email: string },
  device: string | null,
): Promise<void> => {
  const forgotten = Promise.all([dropAttempts(deps, user), forgetDevices(deps, user.id, device)])
  await forgotten.catch(err => deps.log.warn({ err }, 'attempts and devices were not forgotten'))
}
