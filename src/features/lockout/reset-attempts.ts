import type { Deps } from '../../deps.ts'
import { forgetDevices } from '../devices/store.ts'
import { deleteAttempts } from './store.ts'

/**
 * After a password was replaced, and that committed: earlier wrong ones hold nobody up, and who signed in by the old one
 * is no known device. A fault is no reason to fail.
 */
export const resetAttempts = async (
  deps: Pick<Deps, 'log' | 'redis' | 'keys'>,
  user: { id: string; email: string },
): Promise<void> => {
  const forgotten = Promise.all([deleteAttempts(deps, user), forgetDevices(deps, user.id)])
  await forgotten.catch(err => deps.log.warn({ err }, 'attempts and devices were not forgotten'))
}
