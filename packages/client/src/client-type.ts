import type { Routes, User } from './api-types.ts'
import type { Method, PathOf, ReplyOf, RequestArguments, RouteOf } from './route-types.ts'
import type { SessionEvent } from './state-type.ts'

type BodyOf<K extends keyof Routes> = Routes[K] extends { body: infer B }
  ? Omit<B, 'token_transport' | 'audience'>
  : never

/** Who is signed in. */
export type SessionInfo = { userId: string; sessionId: string }

export type Listener = (event: SessionEvent, session: SessionInfo | null) => void

/** What finishes a sign-in with a second factor. */
export type MfaAnswer = { mfa_token: string } & (
  | { code: string }
  | { recovery_code: string }
  | { credential: unknown }
  | { password: string }
)

/** What shows that the user is present. */
export type Reauthentication =
  | { password: string }
  | { code: string }
  | { recovery_code: string }
  | { credential: unknown }

export type Client = {
  /**
   * Signs up. `isSignedIn` is false if the service starts no session: the address must be verified first, or the reply must
   * not show whether the account is new.
   */
  register: (
    body: BodyOf<'POST /api/v1/auth/register'>,
  ) => Promise<{ user: User | null; isSignedIn: boolean }>
  /** Signs in. Rejects with `MFA_REQUIRED` if a second factor is needed: pass `error.mfa` on to `loginMfa`. */
  login: (body: BodyOf<'POST /api/v1/auth/login'>) => Promise<User>
  /** Finishes a sign-in with a second factor. */
  loginMfa: (answer: MfaAnswer) => Promise<User>
  /**
   * Signs out, in every tab. Rejects if the service cannot be reached. With the transport `body` the tokens are erased even
   * then; with the cookie, which scripts cannot erase, the user is still signed in.
   */
  logout: () => Promise<void>
  /** Ends every session of the user. */
  logoutAll: () => Promise<void>
  me: () => Promise<User>
  updateMe: (changes: BodyOf<'PATCH /api/v1/auth/me'>) => Promise<User>
  /**
   * Makes the session fresh again for routes that need a recent sign-in, and raises its level with a second factor. Rejects
   * with `MFA_REQUIRED` for the password of a user with a second factor: `error.methods` says what the user can show.
   */
  reauthenticate: (body: Reauthentication) => Promise<void>
  /** Who is signed in; null if no one is. Reads the storage, or asks the service if it has the cookie of a session. */
  session: () => Promise<SessionInfo | null>
  /** A valid access token, for example for a WebSocket; null if no one is signed in. Do not store it. */
  accessToken: () => Promise<string | null>
  /** Gets a new access token now, for example after the address was verified. Waits if the last one is younger than 5 s. */
  refresh: () => Promise<void>
  /**
   * Calls a route of the service. Rejects with a `ProblemError` for an error reply. A reply with tokens signs in, and its
   * tokens are left out of the result.
   */
  request: <const M extends Method, const P extends PathOf<M>>(
    method: M,
    path: P,
    ...options: RequestArguments<RouteOf<M, P>>
  ) => Promise<ReplyOf<RouteOf<M, P>>>
  /** `fetch` with the access token, for the service and for the listed origins only. */
  fetch: (input: string | URL | Request, init?: RequestInit) => Promise<Response>
  /** Calls the listener at each change, in every tab. Returns a function that removes it. */
  onChange: (listener: Listener) => () => void
  /** Closes the connection to other tabs. The session stays. */
  close: () => void
}
