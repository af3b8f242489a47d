import type { Deps } from '../../deps.ts'
import { deviceId } from './device-id.ts'
import { addSignedInDevice, findDevice, resetDevices } from './store.ts'

/**
 * Makes every device of a user unknown, except that of this request. Call it after the user got a factor: an attacker who knew
 * the password may have signed in from many devices before, and each would have its own guesses at the factor. A failure is only
 * logged, because the factor is already stored.
 */
export const resetOtherDevices = async (
  deps: Pick<Deps, 'log' | 'redis' | 'keys'>,
  userId: string,
  origin: { network: string; userAgent: string },
): Promise<void> => {
  const id = deviceId(origin)
  const reset = async () => {
    const { signedIn } = await findDevice(deps, userId, id)
    await resetDevices(deps, userId)
    if (signedIn) await addSignedInDevice(deps, userId, id)
  }
  await reset().catch(err => deps.log.warn({ err }, 'the devices of a user were not reset'))
}
