import { Problem } from '../../platform/catalog/problems.ts'
import { putChallenge } from '../challenges/store.ts'
import { writeAmr } from '../sessions/authentication.ts'
import type { SessionReply } from '../sessions/schemas.ts'
import { completeLogin, type Login } from './complete-login.ts'
import { newMfaSecret, writeMfaToken } from './mfa-token.ts'
import { needsSecondStep, secondMethods } from './second-step.ts'

/** The life of the token of a sign-in that waits for its second step, in milliseconds. */
const mfaTokenLife = 300_000

/**
 * Goes on after the first step of a sign-in was right: signs the user in, or asks for the second step. Every way to sign in
 * ends here. Returns null if the account has changed since it was read.
 */
export const finishLogin = async (
  deps: Parameters<typeof completeLogin>[0],
  login: Login,
): Promise<SessionReply | Problem<'MFA_REQUIRED'> | null> => {
  const { found, amr } = login
  if (!needsSecondStep(found, amr, deps.config)) return completeLogin(deps, login)
  const secret = newMfaSecret()
  const state = { user_id: found.id, epoch: String(found.session_epoch), amr: writeAmr(amr) }
  await putChallenge(deps, { kind: 'mfa', secret }, state, mfaTokenLife)
  return new Problem('MFA_REQUIRED', {
    members: {
      mfa_token: writeMfaToken(secret),
      expires_in: mfaTokenLife / 1000,
      methods: secondMethods(found, amr),
    },
  })
}
