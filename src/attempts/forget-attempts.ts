import type { Deps } from '../deps.ts'
import { dropAttempts } from './store.ts'

/** After a password was replaced, and that committed: wrong ones of before hold nobody up. A fault is no reason to fail. */
export const forgetAttempts = async (
  deps: Pick<Deps, 'log' | 'redis' | 'keys'>,
  user: { id: string; email: string },
): Promise<void> => {
  await dropAttempts(deps, user).catch(err => deps.log.warn({ err }, 'attempts were not forgotten'))
}
