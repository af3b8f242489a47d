import type { Email } from '../../../src/platform/mail/entity.ts'
import type { Client } from '../../client.ts'
import type { Account } from '../../fixtures.ts'
import type { World } from '../../world.ts'

// What a session is, in so few words that they can be seen to be right: a chain of refresh tokens, four times and how
// it ended. Times in milliseconds.

export const minute = 60_000
export const life = { grace: 10_000, idle: 10 * minute, max: 15 * minute, access: 12 * minute }
export const env = { ACCESS_TOKEN_TTL: '12m', REFRESH_TOKEN_TTL: '10m', SESSION_MAX_AGE: '15m' }

/** Clocks of a token's issuer and its reader may differ by as much. */
const tolerance = 30_000

export type Access = { token: string; expiresAt: number }
export type Session = {
  id: string
  /** Every refresh token that it had; the last is live. */
  chain: string[]
  accesses: Access[]
  rotatedAt: number
  idleUntil: number
  expiresAt: number
  ended: 'not' | 'by its owner' | 'by theft'
}
/** `clock` tells the time. */
export type Model = { sessions: Session[]; password: string; clock: () => number }
export type Real = World & { account: Account; clients: Client[] }

export const nowOf = ({ clock }: World): number => Date.now() + clock.shift

type Tokens = { session_id: string; access_token: string; refresh_token: string }

export const begin = (model: Model, at: number, tokens: Tokens): void => {
  model.sessions.push({
    id: tokens.session_id,
    chain: [tokens.refresh_token],
    accesses: [{ token: tokens.access_token, expiresAt: at + life.access + tolerance }],
    rotatedAt: Number.NEGATIVE_INFINITY,
    idleUntil: at + life.idle,
    expiresAt: at + life.max,
    ended: 'not',
  })
}

export const lives = (session: Session, at: number): boolean =>
  session.ended === 'not' && at < session.idleUntil && at < session.expiresAt

export const inGrace = (session: Session, at: number): boolean => at - session.rotatedAt <= life.grace

/** What comes of presenting a token of the chain, as far back from the newest as `age` says. */
export const answerTo = (
  session: Session,
  age: number,
  at: number,
): 'next' | 'same' | 'theft' | 'refused' => {
  if (!lives(session, at)) return 'refused'
  if (age === 0) return 'next'
  return age === 1 && inGrace(session, at) ? 'same' : 'theft'
}

export const rotate = (session: Session, at: number, tokens: Tokens): void => {
  session.chain.push(tokens.refresh_token)
  session.rotatedAt = at
  session.idleUntil = Math.min(at + life.idle, session.expiresAt)
}

export const keepAccess = (session: Session, at: number, tokens: Tokens): void => {
  session.accesses.push({ token: tokens.access_token, expiresAt: at + life.access + tolerance })
}

export const endAll = (model: Model, at: number): void => {
  for (const session of model.sessions) if (lives(session, at)) session.ended = 'by its owner'
}

/** What a request with this access token is told: `null` where it is let in. */
export const codeFor = (session: Session, access: Access, at: number): string | null => {
  if (at >= access.expiresAt) return 'TOKEN_EXPIRED'
  return lives(session, at) ? null : 'SESSION_REVOKED'
}

/** Moves on where a step would come so close to an end that a slow machine decides on which side of it. */
export const keepClear = async ({ sessions }: Model, real: Real): Promise<number> => {
  const near = (end: number) => Math.abs(end - nowOf(real) - 1500) < 3000
  const ends = sessions.flatMap(session => [
    session.rotatedAt + life.grace,
    session.idleUntil,
    session.expiresAt,
    ...session.accesses.map(({ expiresAt }) => expiresAt),
  ])
  while (ends.some(near)) await real.travel(real.clock.shift + 1000)
  return nowOf(real)
}

/**
 * The token of the reset mail that was just asked for, as the worker makes it. Postgres does not travel in time, so the
 * row is moved to where the clock is.
 */
export const mailedToken = async ({ account, clock, issueOneTimeToken, sql }: Real): Promise<string> => {
  const [row] = await sql<Email>(
    `UPDATE emails SET created_at = created_at + $2 * interval '1 ms'
     WHERE id = (SELECT id FROM emails WHERE recipient = $1 AND kind = 'reset_password' ORDER BY id DESC LIMIT 1)
     RETURNING *`,
    [account.email, clock.shift],
  )
  if (!row) throw new Error('no reset mail is owed')
  const to = { userId: account.userId, address: account.email }
  const proof = await issueOneTimeToken({ ...row, kind: 'reset_password' }, to)
  if (!proof) throw new Error('the reset mail is dead on arrival')
  return proof.token
}
