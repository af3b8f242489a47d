import type { Clock } from '../../platform/base/clock.ts'
import { now } from '../../platform/base/clock.ts'
import { runCommand } from '../../platform/redis/ioredis-command-patches.ts'
import type { Keys } from '../../platform/redis/keys.ts'
import type { RedisConnection } from '../../platform/redis/redis.ts'
import { script } from '../../platform/redis/script.ts'
import { type Amr, readAmr, writeAmr } from './authentication.ts'
import { maxSessions } from './limits.ts'
import type { SessionState } from './types.ts'

export type Store = { redis: RedisConnection; keys: Keys; clock: Clock }

const startScript = script(import.meta.dirname, 'start.lua')
const markStolenScript = script(import.meta.dirname, 'mark-stolen.lua')
const reauthenticateScript = script(import.meta.dirname, 'reauthenticate.lua')
const endAllScript = script(import.meta.dirname, 'end-all.lua')

/**
 * Times in milliseconds. `epoch` is the current epoch of the user, and `hash` the hash of the first secret. `secretId` names
 * the secret of APP_SECRET that the refresh token is made with.
 */
export type NewSession = {
  userId: string
  sessionId: string
  hash: string
  secretId: string
  epoch: number
  authTime: number
  amr: readonly Amr[]
  ip: string
  userAgent: string
}

/**
 * Stores a new session. Returns the milliseconds until its first refresh token expires, and the ids of the sessions above
 * the maximum, which the caller ends.
 */
export const putSession = async (
  { redis, keys, clock }: Store,
  session: NewSession,
  life: { idle: number; max: number },
): Promise<{ expiresIn: number; excess: string[] }> => {
  const [expiresIn, excess] = (await startScript(
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
      session.secretId,
      writeAmr(session.amr),
    ],
  )) as [number, string[]]
  return { expiresIn, excess }
}

/** Ends a session whose refresh token was reused. For another hour, a rotation of it still returns `reused`. */
export const markSessionStolen = async (
  { redis, keys }: Store,
  userId: string,
  sessionId: string,
): Promise<void> => {
  await markStolenScript(redis, [keys.session(userId, sessionId), keys.sessions(userId)], [sessionId])
}

/** An active session, or null. */
export const findSession = async (
  { redis, keys, clock }: Store,
  userId: string,
  sessionId: string,
): Promise<SessionState | null> => {
  const [current, epoch, idleUntil, authTime, amr] = (await runCommand(redis, 'hmget', [
    keys.session(userId, sessionId),
    'current',
    'epoch',
    'idle_until',
    'auth_time',
    'amr',
  ])) as (string | null)[]
  if (!current || now(clock) >= Number(idleUntil)) return null
  return { epoch: Number(epoch), authTime: Number(authTime), amr: readAmr(amr) }
}

/**
 * Records that the user of a session authenticated again at `authTime`, by all the methods `amr`. Refreshes keep both. Returns
 * false if the session has ended.
 *
 * With `nextEpoch` the session continues in that epoch, which has ended the user's other sessions.
 */
export const putAuthentication = async (
  { redis, keys }: Store,
  { userId, sessionId, epoch }: { userId: string; sessionId: string; epoch: number },
  { authTime, amr, nextEpoch = epoch }: { authTime: number; amr: readonly Amr[]; nextEpoch?: number },
): Promise<boolean> => {
  const args = [epoch, authTime, writeAmr(amr), nextEpoch]
  return (await reauthenticateScript(redis, [keys.session(userId, sessionId)], args)) === 1
}

export type LiveSession = {
  id: string
  createdAt: number
  usedAt: number
  expiresAt: number
  ip: string
  userAgent: string
}

/** Every active session of a user, the latest used first. A session of an older epoch has ended. */
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

/** Whether Redis holds the session: neither ended nor stolen. */
export const isSessionActive = async (
  { redis, keys }: Store,
  userId: string,
  sessionId: string,
): Promise<boolean> => (await redis.hexists(keys.session(userId, sessionId), 'current')) === 1

/** Deletes a session. Returns whether it was active: the stub of a stolen session is not. */
export const deleteSession = async (
  { redis, keys }: Store,
  userId: string,
  sessionId: string,
): Promise<boolean> => {
  const key = keys.session(userId, sessionId)
  const [wasActive, deleted] = await Promise.all([
    redis.hexists(key, 'current'),
    redis.del(key),
    redis.zrem(keys.sessions(userId), sessionId),
  ])
  return wasActive === 1 && deleted === 1
}

/** Deletes the sessions that began before this epoch of the user; all of them if it is null. Returns their ids. */
export const deleteSessionsBefore = async (
  { redis, keys }: Store,
  userId: string,
  epoch: number | null,
): Promise<string[]> =>
  (await endAllScript(redis, [keys.sessions(userId)], [keys.session(userId, ''), epoch ?? ''])) as string[]
