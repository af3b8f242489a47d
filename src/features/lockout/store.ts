import { randomBytes } from 'node:crypto'
import type { Clock } from '../../platform/base/clock.ts'
import { wrongPasswords } from '../../platform/catalog/limits.ts'
import type { Keys } from '../../platform/redis/keys.ts'
import type { RedisConnection } from '../../platform/redis/redis.ts'
import { script } from '../../platform/redis/script.ts'
import { type AttemptCounter, accountKey } from './attempt-counter.ts'

type Store = { redis: RedisConnection; keys: Keys; clock: Clock }

const countScript = script(import.meta.dirname, 'count.lua')
const refundScript = script(import.meta.dirname, 'refund.lua')

/**
 * Counts an attempt, unless the caller still has to wait. Returns its id, the attempts in a row including this one
 * (`inRow`), and the milliseconds to wait (`wait`; 0 if the attempt was counted).
 */
export const countAttempt = async (
  { redis, keys, clock }: Store,
  { owner, name, life }: AttemptCounter,
): Promise<{ id: string; inRow: number; wait: number }> => {
  const { free, wait, longestWait } = wrongPasswords
  const id = randomBytes(9).toString('base64url')
  const args = [name, id, free, wait, longestWait, life, clock.shift]
  const [inRow, toWait] = (await countScript(redis, [keys.attempts(owner)], args)) as [number, number]
  return { id, inRow, wait: toWait }
}

/** Refunds an attempt whose password was not compared. */
export const refundAttempt = async (
  { redis, keys }: Pick<Store, 'redis' | 'keys'>,
  { owner, name }: AttemptCounter,
  id: string,
): Promise<void> => {
  await refundScript(redis, [keys.attempts(owner)], [name, id])
}

/** Resets one counter after the right password. The next wrong password is the first again. */
export const resetCounter = async (
  { redis, keys }: Pick<Store, 'redis' | 'keys'>,
  { owner, name }: AttemptCounter,
): Promise<void> => {
  await redis.hdel(keys.attempts(owner), name, `${name}:until`, `${name}:latest`, `${name}:before`)
}

/** Deletes every counter of an account after its password was replaced. */
export const deleteCounters = async (
  { redis, keys }: Pick<Store, 'redis' | 'keys'>,
  user: { id: string; email: string },
): Promise<void> => {
  await Promise.all([user.id, accountKey(user.email)].map(owner => redis.del(keys.attempts(owner))))
}
