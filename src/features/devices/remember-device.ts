import type { Deps } from '../../deps.ts'
import { deviceId } from './device-id.ts'
import { addVerifiedDevice } from './store.ts'

/**
 * Makes a device known that has not signed in, but chose the password of a new account or presented an emailed token. It
 * gets an attempt counter of its own, so that attackers who use up the attempts of unknown devices cannot lock the owner
 * out. A failure is only logged.
 */
export const rememberDevice = async (
  deps: Pick<Deps, 'log' | 'redis' | 'keys'>,
  userId: string,
  origin: { network: string; userAgent: string },
): Promise<void> => {
  const added = addVerifiedDevice(deps, userId, deviceId(origin))
  await added.catch(err => deps.log.warn({ err }, 'a known device was not stored'))
}
