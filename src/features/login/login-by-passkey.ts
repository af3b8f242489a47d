import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { recordEvent } from '../audit/record-event.ts'
import { findRequestDevice } from '../devices/find-request-device.ts'
import { type AcceptedPasskey, checkPasskey } from '../factors/check-passkey.ts'
import type { SessionReply } from '../sessions/schemas.ts'
import { findUser } from '../users/store.ts'
import { signInCeremony } from '../webauthn/ceremony.ts'
import type { PasskeyCredential } from '../webauthn/schemas.ts'
import { finishLogin } from './finish-login.ts'
import { recordFailedLogin } from './record-failed-login.ts'
import { needsSecondStep } from './second-step.ts'
import { signInBlocker } from './sign-in-blocker.ts'

type Needs = Parameters<typeof finishLogin>[0] &
  Parameters<typeof checkPasskey>[0] &
  Pick<Deps, 'database' | 'metrics'>

type Attempt = {
  credential: PasskeyCredential
  audience: string
  origin: Origin & { network: string }
}

/** `isExemptFromIpLimit`: the request came from a device that has signed in before. */
type LoggedIn = { session: SessionReply; isExemptFromIpLimit: boolean }

type Refusal = Problem<'INVALID_PASSKEY' | 'MFA_REQUIRED' | 'ACCOUNT_DEACTIVATED' | 'EMAIL_NOT_VERIFIED'>

/**
 * Signs in with a passkey that the user of the browser chose. Without a check of the user by the authenticator the passkey is
 * only possession, and the sign-in continues with a second step. Every refused passkey gets the same reply.
 */
export const loginByPasskey = async (
  deps: Needs,
  { credential, audience, origin }: Attempt,
): Promise<LoggedIn | Refusal> => {
  const passkey = await checkPasskey(deps, signInCeremony, credential)
  const attempt = () => passkey && finish(deps, { passkey, audience, origin })
  // Try again if the row of the user changed in between: the challenge is used up, so the client cannot.
  const done = (await attempt()) ?? (await attempt())
  if (done) return done
  await recordFailedLogin(deps, { userId: passkey?.userId ?? null, counts: false, origin })
  return new Problem('INVALID_PASSKEY')
}

type Step = Omit<Attempt, 'credential'> & { passkey: AcceptedPasskey }

/** Null if the passkey was removed since it was checked, or the row of the user changed. */
const finish = async (deps: Needs, { passkey, audience, origin }: Step) => {
  const { database, config, reads } = deps
  const found = await findUser(reads, passkey.userId)
  if (!found) return null
  const blocker = signInBlocker(found, config)
  if (blocker) {
    await recordEvent(database.manager, { type: 'login.refused', userId: found.id, origin })
    return blocker === 'hidden' ? new Problem('INVALID_PASSKEY') : blocker
  }
  const device = await findRequestDevice(deps, found.id, origin)
  const login = { found, amr: passkey.amr, device, audience, origin }
  const needsMore = needsSecondStep(found, passkey.amr, config)
  // The second step does not know the passkey, so it is used up here.
  if (needsMore && !(await database.transaction(manager => passkey.consume(manager)))) return null
  const session = await finishLogin(deps, needsMore ? login : { ...login, factor: passkey })
  if (session === null || session instanceof Problem) return session
  return { session, isExemptFromIpLimit: device.signedIn }
}
