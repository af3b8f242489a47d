import type { Email } from '../../../src/platform/mail/entity.ts'
import type { Client } from '../../client.ts'
import type { Account } from '../../fixtures.ts'
import type { World } from '../../world.ts'

// A model of a session that is small enough to be checked by reading: a chain of refresh tokens, four times, and how the
// session ended. Times are in milliseconds.

export const minute = 60_000
export const lifetimes = { grace: 10_000, idle: 10 * minute, max: 15 * minute, access: 12 * minute }
export const env = { ACCESS_TOKEN_TTL: '12m', REFRESH_TOKEN_TTL: '10m', SESSION_MAX_AGE: '15m' }

/** The clock difference that is allowed between the issuer and the verifier of a token. */
const tolerance = 30_000

export type Access = { token: string; expiresAt: number }
export type Session = {
  id: string
  /** All refresh tokens of the session. The last is valid. */
  chain: string[]
  accesses: Access[]
  rotatedAt: number
  idleUntil: number
  expiresAt: number
  ended: 'not' | 'by its owner' | 'by theft'
}
/** `clock` returns the current time. */
export type Model = { sessions: Session[]; password: string; clock: () => number }
export type Real = World & { account: Account; clients: Client[] }

export const nowOf = ({ clock }: World): number => Date.now() + clock.shift

type Tokens = { session_id: string; access_token: string; refresh_token: string }

export const addSession = (model: Model, at: number, tokens: Tokens): void => {
  model.sessions.push({
    id: tokens.session_id,
    chain: [tokens.refresh_token],
    accesses: [{ token: tokens.access_token, expiresAt: at + lifetimes.access + tolerance }],
    rotatedAt: Number.NEGATIVE_INFINITY,
    idleUntil: at + lifetimes.idle,
    expiresAt: at + lifetimes.max,
    ended: 'not',
  })
}

export const isLive = (session: Session, at: number): boolean =>
  session.ended === 'not' && at < session.idleUntil && at < session.expiresAt

export const inGrace = (session: Session, at: number): boolean => at - session.rotatedAt <= lifetimes.grace

/** Predicts the reply to a token of the chain that is `age` rotations older than the newest. */
export const predictReply = (
  session: Session,
  age: number,
  at: number,
): 'next' | 'same' | 'theft' | 'refused' => {
  if (!isLive(session, at)) return 'refused'
  if (age === 0) return 'next'
  return age === 1 && inGrace(session, at) ? 'same' : 'theft'
}

export const rotate = (session: Session, at: number, tokens: Tokens): void => {
  session.chain.push(tokens.refresh_token)
  session.rotatedAt = at
  session.idleUntil = Math.min(at + lifetimes.idle, session.expiresAt)
}

export const addAccess = (session: Session, at: number, tokens: Tokens): void => {
  session.accesses.push({ token: tokens.access_token, expiresAt: at + lifetimes.access + tolerance })
}

export const endAll = (model: Model, at: number): void => {
  for (const session of model.sessions) if (isLive(session, at)) session.ended = 'by its owner'
}

/** Predicts the error code for this access token: `null` if it is accepted. */
export const codeFor = (session: Session, access: Access, at: number): string | null => {
  if (at >= access.expiresAt) return 'TOKEN_EXPIRED'
  return isLive(session, at) ? null : 'SESSION_REVOKED'
}

/** Moves the clock past any expiry that is so close that the speed of the machine would decide the result. */
export const avoidBoundaries = async ({ sessions }: Model, real: Real): Promise<number> => {
  const isNear = (end: number) => Math.abs(end - nowOf(real) - 1500) < 3000
  const expiries = sessions.flatMap(session => [
    session.rotatedAt + lifetimes.grace,
    session.idleUntil,
    session.expiresAt,
    ...session.accesses.map(({ expiresAt }) => expiresAt),
  ])
  while (expiries.some(isNear)) await real.travel(real.clock.shift + 1000)
  return nowOf(real)
}

/**
 * Issues the token of the last reset email, as the worker does. The clock of Postgres does not move, so the row gets the
 * time of the test clock.
 */
export const issueResetToken = async ({ account, clock, issueOneTimeToken, sql }: Real): Promise<string> => {
  const [row] = await sql<Email>(
    `UPDATE emails SET created_at = created_at + $2 * interval '1 ms'
     WHERE id = (SELECT id FROM emails WHERE recipient = $1 AND kind = 'reset_password' ORDER BY id DESC LIMIT 1)
     RETURNING *`,
    [account.email, clock.shift],
  )
  if (!row) throw new Error('no reset email is queued')
  const to = { userId: account.userId, address: account.email }
  const issued = await issueOneTimeToken({ ...row, kind: 'reset_password' }, to)
  if (!issued) throw new Error('the reset email got no token')
  return issued.token
}
