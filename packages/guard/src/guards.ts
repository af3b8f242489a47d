import { acr, type ClaimsCheck, fresh, type Level, role, scope, verifiedEmail } from './checks.ts'
import type { Claims } from './claims.ts'
import { recallBearer } from './recall.ts'
import { type Answer, answerOf, malformed, missing, type Refusal, refusalOf } from './refusal.ts'
import { TokenError } from './token-error.ts'
import type { Verifier } from './verifier.ts'

/** What `requireAuth` and `optionalAuth` leave for the guards after them. */
export type Authenticated = { readonly auth: Claims | null; readonly issuer: string }

/** The `Authorization` of a request that was sent more than once. */
export const several = Symbol('several Authorization headers')

/** How the guards reach a request of a framework. */
export type Access<C> = {
  /** The header `Authorization`, undefined without one. */
  readonly authorization: (context: C) => string | undefined | typeof several
  /** Finds what `write` stored; undefined where no guard ran before. */
  readonly read: (context: C) => Authenticated | undefined
  /** Stores the result of `requireAuth` or `optionalAuth`, and shows its claims to handlers. */
  readonly write: (context: C, authenticated: Authenticated) => void
  /** The id of the request in the logs of the service, if it has one. */
  readonly requestId?: (context: C) => unknown
  /** Logs that a token cannot be checked, which the reply does not explain. */
  readonly report?: (context: C, error: TokenError) => void
}

/** Decides about one request. Null means that it passes. */
export type Guard<C> = (context: C) => Answer | null | Promise<Answer | null>

/** The guards of a framework. */
export type Guards<C> = {
  readonly requireAuth: (verifier: Verifier) => Guard<C>
  readonly optionalAuth: (verifier: Verifier) => Guard<C>
  readonly requireVerified: () => Guard<C>
  readonly requireRole: (name: string) => Guard<C>
  readonly requireScope: (names: string) => Guard<C>
  readonly requireFresh: (seconds: number) => Guard<C>
  readonly requireAcr: (level: Level) => Guard<C>
}

const bearerShape = /^Bearer +([\w.~+/=-]+)$/i

/** The claims of the token, or why it is not accepted; null if the header holds no single token. */
const verifyBearer = async (
  authorization: string | typeof several,
  verifier: Verifier,
): Promise<Claims | TokenError | null> => {
  const token = typeof authorization === 'string' && bearerShape.exec(authorization)?.[1]
  if (!token) return null
  try {
    return await verifier.verify(token)
  } catch (error) {
    if (error instanceof TokenError) return error
    throw error
  }
}

/** Makes the guards of a framework. All frameworks share their decisions and their answers. */
export const openGuards = <C>(access: Access<C>): Guards<C> => {
  const { authorization, read, write, requestId, report } = access
  const refuse = (context: C, refusal: Refusal, issuer: string): Answer => {
    const id = requestId?.(context)
    return answerOf(refusal, issuer, typeof id === 'string' && id !== '' ? id : undefined)
  }
  const authenticate = (verifier: Verifier, withoutToken: Refusal | null): Guard<C> => {
    if (typeof verifier?.verify !== 'function')
      throw new TypeError('requireAuth and optionalAuth take what createVerifier returns')
    const { issuer } = verifier
    const decide = async (context: C, sent: string | typeof several | undefined): Promise<Answer | null> => {
      if (sent === undefined) {
        if (withoutToken) return refuse(context, withoutToken, issuer)
        write(context, { auth: null, issuer })
        return null
      }
      const verified = await verifyBearer(sent, verifier)
      if (verified === null) return refuse(context, malformed, issuer)
      if (verified instanceof TokenError) {
        if (verified.code === 'KEYS_UNAVAILABLE') report?.(context, verified)
        return refuse(context, refusalOf(verified), issuer)
      }
      write(context, { auth: verified, issuer })
      return null
    }
    return context => {
      const sent = authorization(context)
      const auth = typeof sent === 'string' ? recallBearer(sent, verifier.verify) : null
      if (!auth) return decide(context, sent)
      write(context, { auth, issuer })
      return null
    }
  }
  const check =
    (name: string, of: ClaimsCheck): Guard<C> =>
    context => {
      const authenticated = read(context)
      if (!authenticated) throw new Error(`${name} must come after requireAuth or optionalAuth`)
      const { auth, issuer } = authenticated
      const refusal = auth ? of(auth) : missing
      return refusal && refuse(context, refusal, issuer)
    }
  return {
    requireAuth: verifier => authenticate(verifier, missing),
    optionalAuth: verifier => authenticate(verifier, null),
    requireVerified: () => check('requireVerified', verifiedEmail()),
    requireRole: name => check('requireRole', role(name)),
    requireScope: names => check('requireScope', scope(names)),
    requireFresh: seconds => check('requireFresh', fresh(seconds)),
    requireAcr: level => check('requireAcr', acr(level)),
  }
}
