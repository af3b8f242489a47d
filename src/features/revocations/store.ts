import { randomBytes } from 'node:crypto'
import type { Deps } from '../../deps.ts'
import type { Keys } from '../../platform/redis/keys.ts'
import type { RedisConnection } from '../../platform/redis/redis.ts'
import { script } from '../../platform/redis/script.ts'
import type { Cursor, Ending, FeedPage } from './types.ts'

type Store = { redis: RedisConnection; keys: Keys } & Pick<Deps, 'clock' | 'config'>

const announceScript = script(import.meta.dirname, 'announce.lua')
const readScript = script(import.meta.dirname, 'read.lua')
const completeScript = script(import.meta.dirname, 'complete.lua')

/** The most ended sessions of one subject that are listed. More of them refuse all older tokens of the subject instead. */
const maxListed = 50

/** The most entries of one reply: a token of about 100 kB. */
const pageSize = 2000

/** An entry is kept for a minute longer than the tokens that it refuses, since clocks differ. */
const marginMs = 60_000

/** How long an entry is kept, in milliseconds. */
export const keepMs = ({ config }: Pick<Deps, 'config'>): number => config.ACCESS_TOKEN_TTL + marginMs

const newNonce = (): string => randomBytes(6).toString('hex')

/** Adds what ended to the feed, once. Returns the last position of the feed. */
export const announce = async (store: Store, ending: Ending): Promise<Cursor | null> => {
  const { redis, keys, clock } = store
  const { sub, sessionIds, before, endedAt } = ending
  const [id, nonce] = (await announceScript(
    redis,
    [keys.revocations, keys.knownRevocations, keys.revocationsOf(sub)],
    [newNonce(), clock.shift, keepMs(store), maxListed, sub, before ?? '', endedAt ?? '', ...sessionIds],
  )) as [string?, string?]
  return id === undefined || nonce === undefined ? null : { id, nonce }
}

/** The entries after a position; all of them without one. Null if Redis has lost entries since they were announced. */
export const readFeed = async (store: Store, after: Cursor | null): Promise<FeedPage | null> => {
  const { redis, keys, clock } = store
  const [isComplete, continues, hasMore, id, nonce, sessions, users] = (await readScript(
    redis,
    [keys.revocations, keys.knownRevocations],
    [after?.id ?? '', after?.nonce ?? '', clock.shift, keepMs(store), pageSize, newNonce()],
  )) as [number, number, number, string, string, string[], string[]]
  if (isComplete === 0) return null
  return {
    after: continues === 1 ? after : null,
    cursor: { id, nonce },
    hasMore: hasMore === 1,
    sessions,
    users: latestTimes(users),
  }
}

const latestTimes = (pairs: string[]): Map<string, number> => {
  const latest = new Map<string, number>()
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const [sub = '', before] = [pairs[i], Number(pairs[i + 1])]
    latest.set(sub, Math.max(before, latest.get(sub) ?? 0))
  }
  return latest
}

/** The last position of the feed, or null if it is empty. */
export const readLastCursor = async ({ redis, keys }: Store): Promise<Cursor | null> => {
  const [last] = await redis.xrevrange(keys.revocations, '+', '-', 'COUNT', 1)
  const [id, [, nonce] = []] = last ?? []
  return id === undefined || nonce === undefined ? null : { id, nonce }
}

/** Those that the feed does not have yet. */
export const findMissing = async ({ redis, keys }: Store, endings: readonly Ending[]): Promise<Ending[]> => {
  if (endings.length === 0) return []
  const members = endings.map(({ sub, sessionIds: [id] }) => (id === undefined ? `u${sub}` : `s${id}`))
  const known = await redis.zmscore(keys.knownRevocations, ...members)
  return endings.filter(({ before }, i) => known[i] == null || (before ?? 0) > Number(known[i]))
}

/** Whether the feed has every entry that Postgres knows; false if Redis was flushed. */
export const isComplete = async ({ redis, keys }: Store): Promise<boolean> =>
  (await redis.zscore(keys.knownRevocations, 'complete')) !== null

/**
 * Marks the feed as complete, if Redis still has the entry at this position, and drops what has expired. Returns whether it
 * is complete.
 */
export const markComplete = async (store: Store, last: Cursor | null): Promise<boolean> => {
  const { redis, keys, clock } = store
  const answer = await completeScript(
    redis,
    [keys.revocations, keys.knownRevocations],
    [last?.id ?? '', last?.nonce ?? '', clock.shift, keepMs(store), newNonce()],
  )
  return answer === 1
}
