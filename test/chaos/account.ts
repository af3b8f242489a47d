import { randomBytes } from 'node:crypto'
import type { Reply } from '../client.ts'
import type { ApiRequest, Recorder } from './recorder.ts'

// The account of an honest client, and how such a client sends requests: it repeats a request that went unanswered or
// met an outage, and signs in again only if an answer requires it.

export type Session = {
  email: string
  userId: string
  sessionId: string
  access: string
  refresh: string
  /** When it began, in milliseconds since 1970. */
  since: number
  /** When the access token expires, by `performance.now()`. */
  expiresAt: number
  /** How often a refresh token was presented. */
  presented: number
}

export type Account = {
  email: string
  password: string
  /** The password that may be valid instead, after a change whose outcome is unknown. */
  maybePassword: string | null
  /** What the profile must say; undefined after a change whose outcome is unknown. */
  name: string | undefined
  verified: boolean
  /** The emailed link that the user waits for, and how often it was requested. */
  awaits: 'verify-email' | 'reset-password' | null
  linksRequested: number
  resets: number
  session: Session | null
  busy: boolean
  /** Never signs out: its one session must last for the whole run. */
  permanent: boolean
}

export const newPassword = (): string => `chaos ${randomBytes(6).toString('hex')} 7`

export const newAccount = (email: string, password: string, permanent = false): Account => ({
  ...{ email, password, permanent, maybePassword: null, name: undefined, verified: false },
  ...{ awaits: null, linksRequested: 0, resets: 0, session: null, busy: false },
})

/** What 2xx answers have promised. */
export type Ledger = {
  users: { email: string; userId: string }[]
  /** By email address or user: how many answers there were. */
  forgot: Map<string, number>
  logins: Map<string, number>
  live: Set<Session>
  ended: Session[]
}

export const emptyLedger = (): Ledger => ({
  ...{ users: [], forgot: new Map(), logins: new Map(), live: new Set(), ended: [] },
})

export const count = (map: Map<string, number>, key: string): void => {
  map.set(key, (map.get(key) ?? 0) + 1)
}

export type RetryPolicy = {
  /** Waits before the same request is sent again. */
  wait: (reply: Reply | null, tries: number) => Promise<void>
  /** Whether the client stops repeating a request that it first sent at this time. */
  isOver: (firstAt: number) => boolean
  /** How often a client requests the same email, and how long it waits after a failure, in milliseconds. */
  emails: { tries: number; waitMs: number }
}

/** What honest and hostile clients share: one in a run. */
export type Rig = Recorder & {
  ledger: Ledger
  retry: RetryPolicy
  /** An honest client was refused what it has a right to. */
  onRefusal: (reply: Reply) => void
  /** The service answered 401 to the newest refresh token of a session. */
  onLostSession: (detail: string) => void
  /** The service did not keep what an answer promised. */
  onViolation: (what: string, detail?: string) => void
  /** An event that is allowed, and that a report counts. */
  onNote: (what: string) => void
}

export type Visit = { rig: Rig; account: Account }

/** `uncertain`: an earlier try failed without a clear answer, so the server may have done it. */
export type Outcome = { reply: Reply | null; uncertain: boolean; refused: boolean }

/** `onceOnly`: the server refuses a second try if the first, whose answer was lost, took effect. */
type Options = { tries?: number; onceOnly?: boolean; sessionSince?: number | null; waitMs?: number }

/**
 * Sends a request until its answer is no outage. A status other than the expected ones counts as a refusal, unless the
 * request works only once and an earlier try may have taken effect.
 */
export const insist = async (
  { rig }: Visit,
  request: ApiRequest,
  expected: number[],
  { tries = Number.POSITIVE_INFINITY, onceOnly = false, sessionSince = null, waitMs = 0 }: Options = {},
): Promise<Outcome> => {
  const firstAt = Date.now()
  for (let sent = 1; ; sent++) {
    const reply = await rig.request({ ...request, actor: 'honest', sessionSince, firstAt })
    if (reply && reply.status < 500) {
      const { status, body } = reply
      const uncertain = sent > 1
      const refused = !expected.includes(status)
      if (refused && uncertain && onceOnly)
        rig.onNote(`${status} ${body?.code ?? ''} to a retry, after a first try that failed`)
      else if (refused) rig.onRefusal(reply)
      return { reply, uncertain, refused }
    }
    if (waitMs > 0) await new Promise(resolve => setTimeout(resolve, waitMs))
    if (sent >= tries || rig.retry.isOver(firstAt)) return { reply, uncertain: true, refused: true }
    await rig.retry.wait(reply, sent)
  }
}

export const sessionOf = ({ body }: Reply, email: string): Session => ({
  ...{ email, userId: body.user?.id ?? '', sessionId: body.session_id },
  ...{ access: body.access_token, refresh: body.refresh_token },
  since: Date.now(),
  expiresAt: performance.now() + body.expires_in * 1000,
  presented: 0,
})

export const beginSession = ({ rig, account }: Visit, reply: Reply): Session => {
  const session = sessionOf(reply, account.email)
  account.session = session
  rig.ledger.live.add(session)
  return session
}

/** Forgets the session: it ended, or its state is unknown. */
export const dropSession = ({ rig, account }: Visit): void => {
  if (account.session) rig.ledger.live.delete(account.session)
  account.session = null
}
