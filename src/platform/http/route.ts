import type * as v from 'valibot'
import type { Deps } from '../../deps.ts'
import { type Limit, type LimitName, limits } from '../catalog/limits.ts'
import type { ProblemDefinition } from '../catalog/problem-definition.ts'
import { type Code, type Problem, problems } from '../catalog/problems.ts'
import { type Scope, scopes } from '../catalog/scopes.ts'
import type { Auth } from './auth.ts'
import type { Client } from './client.ts'
import type { Cookie } from './cookie.ts'
import type { RouteExample, WithExample } from './route-example.ts'

export type Schema = v.GenericSchema

/** A reply by its status: a schema for JSON, a page, plain text, a redirect, or nothing. */
export type ReplySpec = Schema | 'html' | 'text' | 'redirect' | 'empty'
export type Replies = Record<number, ReplySpec>

type Content<S extends ReplySpec> = S extends Schema
  ? { body: v.InferInput<S> }
  : S extends 'html'
    ? { html: string; csp: string }
    : S extends 'text'
      ? { text: string }
      : S extends 'redirect'
        ? { location: string }
        : object

type Reply<R extends Replies> = {
  [S in keyof R & number]: { status: S; headers?: Record<string, string> } & Content<R[S]>
}[keyof R & number]

type Parsed<S> = S extends Schema ? v.InferOutput<S> : undefined

/** What a handler knows of its caller, by the `auth` of the route. The feature that authenticates callers defines it. */
type Callers = { [A in Auth]?: object }

/** What a handler receives: the parsed and validated values of a request. */
type Call<Caller, B, Q, P, H> = {
  client: Client
  requestId: string
  body: Parsed<B>
  query: Parsed<Q>
  params: Parsed<P>
  headers: Parsed<H>
  cookie: Cookie | null
  /** Whether the method is HEAD: the handler must change nothing. */
  head: boolean
  /** Aborts when the client has closed the connection. A handler that waits for something asks for it. */
  clientLeft: () => AbortSignal
  /**
   * Takes a point from the limit `mail` of the mailbox that the body names. Call it only if an email would be sent. If it
   * returns true, send none.
   */
  isOverMailLimit: () => Promise<boolean>
  /** Refunds the points that the limits of the caller took, and returns the updated headers. */
  refundLimits: () => Promise<Record<string, string>>
} & Caller

type Common = {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: string
  summary: string
  description?: string
  auth: Auth
  /**
   * Allows a bearer who must verify their address first: to end sessions, or to change to an address that they can verify.
   */
  unverified?: 'allowed'
  /**
   * Requires a session whose user authenticated within `FRESH_FOR`, and with two factors if the user has set up a second one.
   * So a stolen session or an unattended screen cannot make the change. `with_factor` requires it of users with a second factor
   * only: the route asks every user for the password itself.
   */
  fresh?: true | 'with_factor'
  /**
   * Allows a session with one factor where `REQUIRE_MFA=all` demands two: to set up a factor, to authenticate again, or to end
   * sessions.
   */
  singleFactor?: 'allowed'
  /**
   * A reverse proxy asks this route whether a request may pass. Any 2xx lets it pass, so OPTIONS is never answered before the
   * caller is authenticated. `below`: the last parameter of the path takes the rest of any path, and every method is served,
   * because some proxies send those of the original request.
   */
  forProxies?: 'exact' | 'below'
  /** Headers of a successful reply, by name, with their meaning. */
  replyHeaders?: Readonly<Record<string, string>>
  /** What a machine client may do here, if it has this scope. */
  scope?: string
  /**
   * `form` is for our own pages. `parameters` is a form of RFC 6749, section 3.2: a parameter without a value counts as
   * absent, and none may be sent twice. `raw` is for signed bytes, which the handler receives unchanged.
   */
  accepts?: 'json' | 'form' | 'parameters' | 'raw'
  /**
   * `Cache-Control`, by default `no-store`: replies that carry or answer a token must not be cached (RFC 6749, section
   * 5.1).
   */
  cache?: string
  /** Whether the reply has an `ETag`, and a client that has it already gets `304`. */
  etag?: true
  /** A reply of thousands of rows, which is serialized in slices and sent as a stream. */
  size?: 'large'
  /** Whether a successful reply may set or clear the cookie of the refresh token. */
  cookie?: 'set' | 'clear'
  /** Why a successful request stores no audit event although its method is not GET. */
  unaudited?: string
}

/** A route without its specific types, as modules list it. The names of `headers` are lowercase. */
export type Route = Common & {
  limits: readonly Limit[]
  body?: Schema
  query?: Schema
  params?: Schema
  headers?: Schema
  replies: Replies
  problems: readonly ProblemDefinition[]
  example?: RouteExample
  handle: (deps: Deps, call: never) => Promise<Outcome>
}

export type Outcome =
  | {
      status: number
      headers?: Record<string, string>
      body?: unknown
      html?: string
      csp?: string
      text?: string
      location?: string
    }
  | Problem

/** The names that a route may use: those of the core and of its own module. */
export type Catalogue<L extends string, K extends string, S extends string> = {
  limits: Readonly<Record<L, Limit>>
  problems: Readonly<Record<K, ProblemDefinition>>
  scopes: Readonly<Record<S, string>>
}

/** A route of administrators must name the scope that opens it to a machine client. */
type Scoped<A extends Auth, S extends string> = A extends 'admin'
  ? { scope: S }
  : A extends 'client'
    ? { scope?: S }
    : { scope?: never }

/**
 * Returns a function that declares routes for these callers, with names from this catalogue. A route is a value: its
 * validation, limits, documentation and the stripping of undeclared reply fields derive from it. Code with a reply or
 * problem that it does not declare, or with a wrong example, does not compile.
 */
export const routeFor =
  <C extends Callers, L extends string, K extends string, S extends string>({
    limits,
    problems,
  }: Catalogue<L, K, S>) =>
  <
    const A extends keyof C & Auth,
    const R extends Replies,
    const P extends K = never,
    B extends Schema | undefined = undefined,
    Q extends Schema | undefined = undefined,
    M extends Schema | undefined = undefined,
    H extends Schema | undefined = undefined,
  >(
    spec: Omit<Common, 'scope'> & {
      auth: A
      /** Limits of the caller are counted before the handler runs, each under its own key. */
      limits: readonly L[]
      body?: B
      query?: Q
      params?: M
      headers?: H
      replies: R
      problems: readonly P[]
      handle: (deps: Deps, call: Call<C[A], B, Q, M, H>) => Promise<Reply<NoInfer<R>> | Problem<NoInfer<P>>>
    } & Scoped<NoInfer<A>, S> &
      NoInfer<WithExample<B, Q, M, H, R>>,
  ): Route =>
    ({
      ...spec,
      limits: spec.limits.map(name => limits[name]),
      problems: spec.problems.map(code => problems[code]),
    }) as unknown as Route

/** Declares a route that anyone may call. */
export const publicRoute = routeFor<{ none: object }, LimitName, Code, Scope>({ limits, problems, scopes })
