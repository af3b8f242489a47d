import type { Deps } from '../../deps.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { recordEvent } from '../audit/record-event.ts'
import { putChallenge } from '../challenges/store.ts'
import { requestPasskey } from '../factors/request-passkey.ts'
import { writeAmr } from '../sessions/authentication.ts'
import type { SessionReply } from '../sessions/schemas.ts'
import { completeLogin, type Login } from './complete-login.ts'
import { mfaTokenLife, mfaTokens, secondStepCeremony } from './mfa-token.ts'
import { needsSecondStep, secondMethods } from './second-step.ts'
import { storeNewHash } from './store-new-hash.ts'

type Needs = Parameters<typeof completeLogin>[0] & Pick<Deps, 'reads'>

/**
 * Continues after the first step of a sign-in was right: signs the user in, or asks for the second step. Every way to sign in
 * ends here. Returns null if the account has changed since it was read, or another request has used up the evidence.
 */
export const finishLogin = async (
  deps: Needs,
  login: Login,
): Promise<SessionReply | Problem<'MFA_REQUIRED'> | null> => {
  const { found, amr, newHash } = login
  if (!needsSecondStep(found, amr, deps.config)) return completeLogin(deps, login)
  if (newHash && newHash !== found.password_hash) await storeNewHash(deps, found, newHash)
  return askForSecondStep(deps, login)
}

const askForSecondStep = async (
  deps: Needs,
  { found, amr, factor, origin }: Login,
): Promise<Problem<'MFA_REQUIRED'> | null> => {
  const secret = mfaTokens.newSecret()
  const methods = secondMethods(found, amr)
  const state = { user_id: found.id, epoch: String(found.session_epoch), amr: writeAmr(amr) }
  await putChallenge(deps, { kind: 'mfa', secret }, state, mfaTokenLife)
  const passkey_options = methods.includes('passkey')
    ? await requestPasskey(deps, secondStepCeremony(found.id, secret), found)
    : undefined
  // The second step does not know the evidence of the first, so it is used up here: last, so that a failure costs no code.
  const recorded = await deps.database.transaction(async manager => {
    if (factor && !(await factor.consume(manager))) return false
    await recordEvent(manager, { type: 'login.challenged', userId: found.id, origin, data: { amr } })
    return true
  })
  if (!recorded) return null
  return new Problem('MFA_REQUIRED', {
    members: {
      mfa_token: mfaTokens.write(secret),
      expires_in: mfaTokenLife / 1000,
      methods,
      ...(passkey_options && { passkey_options }),
    },
  })
}
