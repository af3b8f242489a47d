import type { Deps } from '../../deps.ts'
import type { Origin } from '../../platform/base/origin.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { finishLogin } from '../login/finish-login.ts'
import { consumeOneTimeToken } from '../one-time-tokens/consume-one-time-token.ts'
import { countWrongCode } from '../one-time-tokens/count-wrong-code.ts'
import type { Amr } from '../sessions/authentication.ts'
import type { SessionReply } from '../sessions/schemas.ts'
import { findUser } from '../users/store.ts'
import { matchLoginCode, type PresentedCode } from './match-login-code.ts'
import { proveMailbox } from './prove-mailbox.ts'

type Needs = Parameters<typeof finishLogin>[0] &
  Parameters<typeof matchLoginCode>[0] &
  Parameters<typeof proveMailbox>[0] &
  Pick<Deps, 'limiter'>

type Attempt = {
  loginToken: string
  presented: PresentedCode
  audience: string
  origin: Origin & { network: string }
}

type Match = Exclude<Awaited<ReturnType<typeof matchLoginCode>>, 'wrong' | null>

const amr: readonly Amr[] = ['email']

/**
 * Signs in with the code of an email, or with the token of its link. Each email works once.
 *
 * The session goes to the client that requested the email, because only that client holds the login token.
 */
export const confirmEmailLogin = async (
  deps: Needs,
  attempt: Attempt,
): Promise<SessionReply | Problem<'INVALID_TOKEN' | 'MFA_REQUIRED'>> => {
  const compare = () => matchLoginCode(deps, attempt)
  const compared =
    'code' in attempt.presented ? await countWrongCode(deps, 'login', compare) : await compare()
  if (compared === null || compared === 'wrong') return new Problem('INVALID_TOKEN')
  const done = (await signIn(deps, compared, attempt)) ?? (await signInAgain(deps, compared, attempt))
  return done ?? new Problem('INVALID_TOKEN')
}

// A concurrent sign-in by password may have stored a new hash after the user was read. If the code was consumed, this fails.
const signInAgain = async (deps: Needs, match: Match, attempt: Attempt) => {
  const user = await findUser(deps.reads, match.user.id)
  return user && user.email === match.user.email ? signIn(deps, { ...match, user }, attempt) : null
}

/** Null if the code was consumed before, or the account has changed since it was read. */
const signIn = async (deps: Needs, { user, emailId, device }: Match, { audience, origin }: Attempt) => {
  const login = { amr, audience, origin }
  if (user.email_verified) {
    const factor = {
      factorId: emailId,
      amr,
      consume: async (manager: Parameters<typeof consumeOneTimeToken>[0]) =>
        (await consumeOneTimeToken(manager, emailId)) ? [] : null,
    }
    return finishLogin(deps, { ...login, found: user, device, factor })
  }
  const found = await proveMailbox(deps, { user, emailId, origin })
  // Verifying the address made every device unknown.
  const unknown = { ...device, isKnown: false, signedIn: false }
  return found && finishLogin(deps, { ...login, found, device: unknown })
}
