import type * as v from 'valibot'
import type { Deps } from '../../deps.ts'
import type { RefreshToken } from '../../features/sessions/rules.ts'
import type { User } from '../../features/users/entity.ts'
import type { LimitName } from '../catalog/limits.ts'
import type { Code, Problem } from '../catalog/problems.ts'
import type { Client } from './client.ts'
import type { Cookie } from './cookie.ts'

export type Schema = v.GenericSchema

/**
 * Who may call: anybody; anybody, where whoever sends credentials must prove them; the bearer of an access token whose
 * session lives; such a bearer who is an administrator;
 * the holder of a refresh token, in the body or the cookie; or a bearer or holder (to end a session), where an
 * expired access token and a dead session are still good.
 */
export type Auth = 'none' | 'optional' | 'bearer' | 'admin' | 'refresh' | 'bearerOrRefresh'

/** A reply by its status: a schema for JSON, a page, a redirect, or nothing. */
export type ReplySpec = Schema | 'html' | 'redirect' | 'empty'
type Replies = Record<number, ReplySpec>

type Content<S extends ReplySpec> = S extends Schema
  ? { body: v.InferInput<S> }
  : S extends 'html'
    ? { html: string; csp: string }
    : S extends 'redirect'
      ? { location: string }
      : object

type Reply<R extends Replies> = {
  [S in keyof R & number]: { status: S; headers?: Record<string, string> } & Content<R[S]>
}[keyof R & number]

type Parsed<S> = S extends Schema ? v.InferOutput<S> : undefined

type Bearer = { user: User; sessionId: string }
type Proven = {
  none: object
  optional: Partial<Bearer>
  bearer: Bearer
  admin: Bearer
  refresh: { refresh: RefreshToken }
  bearerOrRefresh: { sessions: { userId: string; sessionId: string }[] }
}

/** What a handler is told of a request: parsed, checked, and nothing raw. */
export type Call<A extends Auth, B, Q, P, H> = {
  client: Client
  requestId: string
  body: Parsed<B>
  query: Parsed<Q>
  params: Parsed<P>
  headers: Parsed<H>
  cookie: Cookie | null
  /** HEAD asks what GET would say. It must change nothing. */
  head: boolean
  /**
   * Takes a point from the limit `mail` of the mailbox that the body names. Call it only where an email would be sent.
   * True: send none.
   */
  isOverMailLimit: () => Promise<boolean>
  /** Gives back what the limits of the caller took, and returns the headers that tell so. */
  giveBackLimits: () => Promise<Record<string, string>>
} & Proven[A]

type Common = {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  path: string
  summary: string
  description?: string
  auth: Auth
  /** Whether a bearer may call it whose address must be verified first: to leave, or to get to an address that they can. */
  unverified?: 'allowed'
  /** Those of the caller are taken before the handler runs, each under its own key. */
  limits: readonly LimitName[]
  /** `form` is for the pages of our own, `raw` for bytes that are signed: the handler gets them as they came. */
  accepts?: 'json' | 'form' | 'raw'
  /** Replies that carry a token, or answer one, are not to be stored by anybody (RFC 6749, section 5.1). */
  cache?: string
  /** A reply of thousands of rows: it is written in slices, and sent as a stream. */
  size?: 'large'
  /** A reply that succeeds may set the cookie of the refresh token, or remove it. */
  cookie?: 'set' | 'clear'
}

/** A route with its types rubbed off, as the table of contents holds it. `headers` by their names in lower case. */
export type Route = Common & {
  body?: Schema
  query?: Schema
  params?: Schema
  headers?: Schema
  replies: Replies
  problems: readonly Code[]
  handle: (deps: Deps, call: never) => Promise<Outcome>
}

export type Outcome =
  | {
      status: number
      headers?: Record<string, string>
      body?: unknown
      html?: string
      csp?: string
      location?: string
    }
  | Problem

/**
 * A route as a value. From this one place come its validation, its limits, its documentation and the stripping
 * of its replies; a reply or a problem that it does not declare does not compile.
 */
export const route = <
  const A extends Auth,
  const R extends Replies,
  const P extends Code = never,
  B extends Schema | undefined = undefined,
  Q extends Schema | undefined = undefined,
  M extends Schema | undefined = undefined,
  H extends Schema | undefined = undefined,
>(
  spec: Common & {
    auth: A
    body?: B
    query?: Q
    params?: M
    headers?: H
    replies: R
    problems: readonly P[]
    handle: (deps: Deps, call: Call<A, B, Q, M, H>) => Promise<Reply<NoInfer<R>> | Problem<NoInfer<P>>>
  },
): Route => spec as unknown as Route
