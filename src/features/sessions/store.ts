import type { Clock } from '../../platform/base/clock.ts'
import { now } from '../../platform/base/clock.ts'
import type { Quota } from '../../platform/limits/limiter.ts'
import type { Keys } from '../../platform/redis/keys.ts'
import type { RedisConnection } from '../../platform/redis/redis.ts'
import { script } from '../../platform/redis/script.ts'
import { maxSessions, rotationGraceMs } from './limits.ts'

type Store = { redis: RedisConnection; keys: Keys; clock: Clock }

const startScript = script(import.meta.dirname, 'start.lua')
const rotateScript = script(import.meta.dirname, 'rotate.lua')
const markStolenScript = script(import.meta.dirname, 'mark-stolen.lua')
const endAllScript = script(import.meta.dirname, 'end-all.lua')

/** Times in milliseconds. `epoch` is the user's at the start; `hash` stands for the first secret. */
export type NewSession = {
  userId: string
  sessionId: string
  hash: string
  epoch: number
  authTime: number
  ip: string
  userAgent: string
}

/** Returns the milliseconds until the first refresh token expires. */
export const putSession = async (
  { redis, keys, clock }: Store,
  session: NewSession,
  life: { idle: number; max: number },
): Promise<number> =>
  Number(
    await startScript(
      redis,
      [keys.session(session.userId, session.sessionId), keys.sessions(session.userId)],
      [
        session.sessionId,
        session.hash,
        session.epoch,
        session.ip,
        session.userAgent,
        session.authTime,
        life.idle,
        life.max,
        clock.shift,
        maxSessions,
        keys.session(session.userId, ''),
      ],
    ),
  )

export type Rotation = {
  outcome: 'rotated' | 'repeated' | 'held' | 'limited' | 'reused' | 'gone'
  expiresIn: number
  authTime: number
  epoch: number
  /** What is left of the limit. */
  quotas: Quota[]
}

type RotationLimit = Pick<Quota, 'name' | 'points' | 'window'>

/**
 * Exchanges one secret's hash for the next in one atomic step, and counts it there. Safe to send twice. With `isHeld` it
 * exchanges none, and goes on telling of a secret that comes back.
 */
export const rotateSession = async (
  { redis, keys, clock }: Store,
  at: { userId: string; sessionId: string; presented: string; next: string; idle: number; isHeld?: boolean },
  limit: RotationLimit | null = null,
): Promise<Rotation> => {
  const counted = [limit?.name ?? '', limit?.points ?? 0, limit?.window ?? 0]
  const [outcome, expiresIn, authTime, epoch, count = 0, resetIn = 0] = (await rotateScript(
    redis,
    [keys.session(at.userId, at.sessionId), keys.sessions(at.userId)],
    [
      at.sessionId,
      at.presented,
      at.next,
      rotationGraceMs,
      at.idle,
      clock.shift,
      ...counted,
      at.isHeld ? 1 : 0,
    ],
  )) as [Rotation['outcome'], number, string, string, number?, number?]
  const left = {
    allowed: outcome !== 'limited',
    remaining: Math.max((limit?.points ?? 0) - count, 0),
    resetIn,
  }
  const quotas = limit ? [{ ...limit, ...left }] : []
  return { outcome, expiresIn, authTime: Number(authTime), epoch: Number(epoch), quotas }
}

/** Ends a session of which a spent secret was presented. It goes on answering `reused` for an hour. */
export const markSessionStolen = async (
  { redis, keys }: Store,
  userId: string,
  sessionId: string,
): Promise<void> => {
  await markStolenScript(redis, [keys.session(userId, sessionId), keys.sessions(userId)], [sessionId])
}

/** A session that lives, or null. */
export const findSession = async (
  { redis, keys, clock }: Store,
  userId: string,
  sessionId: string,
): Promise<{ epoch: number } | null> => {
  const [current, epoch, idleUntil] = await redis.hmget(
    keys.session(userId, sessionId),
    'current',
    'epoch',
    'idle_until',
  )
  return current && now(clock) < Number(idleUntil) ? { epoch: Number(epoch) } : null
}

export type LiveSession = {
  id: string
  createdAt: number
  usedAt: number
  expiresAt: number
  ip: string
  userAgent: string
}

/** Every session of a user that lives, the latest used first. One of an older epoch has ended. */
export const findSessions = async (
  { redis, keys, clock }: Store,
  user: { id: string; session_epoch: number },
): Promise<LiveSession[]> => {
  const ids = await redis.zrange(keys.sessions(user.id), 0, -1)
  const found = await Promise.all(
    ids.map(async id => ({ id, fields: await redis.hgetall(keys.session(user.id, id)) })),
  )
  return found
    .filter(
      ({ fields: { current, idle_until, epoch } }) =>
        current && now(clock) < Number(idle_until) && Number(epoch) === user.session_epoch,
    )
    .map(({ id, fields }) => ({
      id,
      createdAt: Number(fields.created_at),
      usedAt: Number(fields.used_at),
      expiresAt: Number(fields.expires_at),
      ip: fields.ip ?? '',
      userAgent: fields.user_agent ?? '',
    }))
    .sort((a, b) => b.usedAt - a.usedAt)
}

/** Returns whether there was one; what is left of a stolen one is none. */
export const deleteSession = async (
  { redis, keys }: Store,
  userId: string,
  sessionId: string,
): Promise<boolean> => {
  const key = keys.session(userId, sessionId)
  const [lived, dropped] = await Promise.all([
    redis.hexists(key, 'current'),
    redis.del(key),
    redis.zrem(keys.sessions(userId), sessionId),
  ])
  return lived === 1 && dropped === 1
}

export const deleteAllSessions = async ({ redis, keys }: Store, userId: string): Promise<void> => {
  await endAllScript(redis, [keys.sessions(userId)], [keys.session(userId, '')])
}
