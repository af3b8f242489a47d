import type { Deps } from '../../deps.ts'
import { deviceId } from './device-id.ts'
import { findDevice } from './store.ts'

/** The device of a request: its id, whether it is known, and whether it has signed in before. */
export type RequestDevice = { id: string; isKnown: boolean; signedIn: boolean }

/** Finds the device of a request. `owner` is the id of a user, or the account key of an address without a user. */
export const findRequestDevice = async (
  deps: Pick<Deps, 'redis' | 'keys'>,
  owner: string,
  origin: { network: string; userAgent: string },
): Promise<RequestDevice> => {
  const id = deviceId(origin)
  return { id, ...(await findDevice(deps, owner, id)) }
}
