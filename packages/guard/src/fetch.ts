// Guards for handlers `(request, context) => Response`: Next.js, Workers, Deno, Bun. Each wraps a handler.
import { readFrom, writeTo } from './carrier.ts'
import type { Level } from './checks.ts'
import type { Claims } from './claims.ts'
import { type Guard, openGuards } from './guards.ts'
import type { Verifier } from './verifier.ts'

export type { Claims } from './claims.ts'

/** What handlers get as second argument: the claims, beside the members that the framework gives. */
export type AuthContext<A = Claims> = { auth: A }

/** A handler behind a guard. */
export type Handler<Q extends Request, X, R extends unknown[]> = (
  request: Q,
  context: X,
  ...rest: R
) => Response | Promise<Response>

/** The guarded handler, as the framework calls it. */
export type Wrapped<Q extends Request, X, R extends unknown[]> = (
  request: Q,
  context?: Omit<X, 'auth'>,
  ...rest: R
) => Promise<Response>

/** Puts a guard in front of a handler. */
export type Wrap<A> = <X extends AuthContext<A>, Q extends Request = Request, R extends unknown[] = []>(
  handler: Handler<Q, X, R>,
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
  <X extends AuthContext<A>, Q extends Request, R extends unknown[]>(handler: Handler<Q, X, R>) =>
  async (request: Q, given?: Omit<X, 'auth'>, ...rest: R): Promise<Response> => {
    // A copy: the object of the framework may be shared by requests, as the `env` of a Worker is.
    const context = { ...given }
    const answer = await guard({ request, context })
    if (answer) return new Response(answer.body, { status: answer.status, headers: { ...answer.headers } })
    return handler(request, context as X, ...rest)
  }

/** Requires a valid access token. */
export const requireAuth = (verifier: Verifier): Wrap<Claims> => wrap(guards.requireAuth(verifier))

/** Accepts a request without a token too: `auth` is then null. An invalid token is refused. */
export const optionalAuth = (verifier: Verifier): Wrap<Claims | null> => wrap(guards.optionalAuth(verifier))

/** Requires a user whose email address was verified when the token was issued. */
export const requireVerified = (): Wrap<Claims> => wrap(guards.requireVerified())

/** Requires a user who had the role when the token was issued. */
export const requireRole = (role: string): Wrap<Claims> => wrap(guards.requireRole(role))

/** Requires a machine client with the scope. Several scopes are separated by spaces. */
export const requireScope = (scope: string): Wrap<Claims> => wrap(guards.requireScope(scope))

/** Requires a user who authenticated within the last seconds. */
export const requireFresh = (seconds: number): Wrap<Claims> => wrap(guards.requireFresh(seconds))

/** Requires a user who authenticated at this level: `aal2` is with a second factor. */
export const requireAcr = (level: Level): Wrap<Claims> => wrap(guards.requireAcr(level))
