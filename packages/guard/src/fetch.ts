// Guards for handlers `(request, context) => Response`: Next.js, Workers, Deno, Bun. Each wraps a handler.
import { readFrom, writeTo } from './carrier.ts'
import type { Level } from './checks.ts'
import type { Claims, MachineClaims, UserClaims } from './claims.ts'
import { copyContext } from './copy-context.ts'
import { type Guard, openGuards } from './guards.ts'
import { isPending } from './is-pending.ts'
import type { Verifier } from './verifier.ts'

export type { Claims, MachineClaims, UserClaims } from './claims.ts'

/** What handlers get as second argument: the claims, beside the members that the framework gives. */
export type AuthContext<A = Claims> = { auth: A }

/** A handler behind a guard. */
export type Handler<Q extends Request, X, R extends unknown[]> = (
  request: Q,
  context: X,
  ...rest: R
) => Response | Promise<Response>

/** The guarded handler, as the framework calls it: with a context only if the handler needs one. */
export type Wrapped<Q extends Request, X extends object, R extends unknown[]> = (
  request: Q,
  ...given: object extends X ? [context?: X, ...rest: R] : [context: X, ...rest: R]
) => Promise<Response>

/** Puts a guard in front of a handler. */
export type Wrap<A> = <X extends object, Q extends Request = Request, R extends unknown[] = []>(
  handler: Handler<Q, X & AuthContext<A>, R>,
) => Wrapped<Q, X, R>

type Call = { request: Request; context: { auth?: Claims | null } }

const guards = openGuards<Call>({
  authorization: ({ request }) => request.headers.get('authorization') ?? undefined,
  read: ({ context }) => readFrom(context),
  write: ({ context }, authenticated) => {
    writeTo(context, authenticated)
    context.auth = authenticated.auth
  },
})

const wrap =
  <A>(guard: Guard<Call>): Wrap<A> =>
  <X extends object, Q extends Request, R extends unknown[]>(handler: Handler<Q, X & AuthContext<A>, R>) =>
  async (request: Q, ...[given, ...rest]: [context?: X, ...rest: R]): Promise<Response> => {
    const context = copyContext(given)
    const decided = guard({ request, context: context as Call['context'] })
    const answer = isPending(decided) ? await decided : decided
    if (answer) return new Response(answer.body, { status: answer.status, headers: { ...answer.headers } })
    return handler(request, context as unknown as X & AuthContext<A>, ...rest)
  }

/** Requires a valid access token. */
export const requireAuth = (verifier: Verifier): Wrap<Claims> => wrap(guards.requireAuth(verifier))

/** Accepts a request without a token too: `auth` is then null. An invalid token is refused. */
export const optionalAuth = (verifier: Verifier): Wrap<Claims | null> => wrap(guards.optionalAuth(verifier))

/** Requires a user whose email address was verified when the token was issued. */
export const requireVerified = (): Wrap<UserClaims> => wrap(guards.requireVerified())

/** Requires a user who had the role when the token was issued. */
export const requireRole = (role: string): Wrap<UserClaims> => wrap(guards.requireRole(role))

/** Requires a machine client with the scope. Several scopes are separated by spaces. */
export const requireScope = (scope: string): Wrap<MachineClaims> => wrap(guards.requireScope(scope))

/** Requires a user who authenticated within the last seconds. */
export const requireFresh = (seconds: number): Wrap<UserClaims> => wrap(guards.requireFresh(seconds))

/** Requires a user who authenticated at this level: `aal2` is with a second factor. */
export const requireAcr = (level: Level): Wrap<UserClaims> => wrap(guards.requireAcr(level))
