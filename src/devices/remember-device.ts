import type { Deps } from '../deps.ts'
import { deviceOf } from './rules.ts'
import { markDevice } from './store.ts'

/**
 * Makes a device known that proved something without a sign-in: it chose the password of a new account, or presented the
 * token of a verification email. Strangers who use up their attempts cannot keep the owner out there. A fault is no
 * reason to fail.
 */
export const rememberDevice = async (
  deps: Pick<Deps, 'log' | 'redis' | 'keys'>,
  userId: string,
  origin: { network: string; userAgent: string },
): Promise<void> => {
  const marked = markDevice(deps, userId, deviceOf(origin))
  await marked.catch(err => deps.log.warn({ err }, 'a device was not remembered'))
}
