import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { startDelivery } from '../../platform/mail/outbox.ts'
import type { RequestDevice } from '../devices/find-request-device.ts'
import { addSignedInDevice, hasDevices } from '../devices/store.ts'
import type { Accepted } from '../factors/types.ts'
import type { Amr } from '../sessions/authentication.ts'
import type { SessionReply } from '../sessions/schemas.ts'
import { startSession } from '../sessions/start-session.ts'
import type { User } from '../users/entity.ts'
import { recordLogin } from './record-login.ts'

/** A user who has passed every step of a sign-in by the methods `amr`. */
export type Login = {
  found: User
  amr: readonly Amr[]
  device: RequestDevice
  /** Another hash of the same password, to store. */
  newHash?: string | null
  /** The evidence of the last step, to use up. */
  factor?: Accepted
  audience: string
  origin: Origin
}

type Needs = Parameters<typeof startSession>[0] & Pick<Deps, 'database' | 'queue'>

/**
 * Records a sign-in and starts its session. Returns null if the account has changed since it was read, or another request has
 * used up the evidence.
 */
export const completeLogin = async (deps: Needs, login: Login): Promise<SessionReply | null> => {
  const { found, amr, device, audience, origin, ...rest } = login
  const isNewDevice = !device.signedIn && (await hasDevices(deps, found.id))
  // A sign-in without the password proves nothing about it, so it does not reopen a locked one.
  const clears = !device.isKnown && amr.includes('pwd')
  const recorded = await recordLogin(deps, { ...rest, found, amr, isNewDevice, clears, origin })
  if (!recorded) return null
  // At the same time, so that all share one round trip to Redis.
  const [session] = await Promise.all([
    startSession(deps, { user: recorded.user, amr, audience, origin }),
    addSignedInDevice(deps, found.id, device.id),
    startDelivery(deps, recorded.emailIds),
  ])
  return session
}
