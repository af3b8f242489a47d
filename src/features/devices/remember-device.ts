import type { Deps } from '../../deps.ts'
import { deviceOf } from './rules.ts'
import { markProvedDevice } from './store.ts'

/**
 * Makes a device known that proved something without a sign-in: it chose the password of a new account, or presented a
 * mailed token. It has attempts of its own then, so strangers who use up theirs cannot keep the owner out there. A fault
 * is no reason to fail.
 */
export const rememberDevice = async (
  deps: Pick<Deps, 'log' | 'redis' | 'keys'>,
  userId: string,
  origin: { network: string; userAgent: string },
): Promise<void> => {
  const marked = markProvedDevice(deps, userId, deviceOf(origin))
  await marked.catch(err => deps.log.warn({ err }, 'a device was not remembered'))
}
