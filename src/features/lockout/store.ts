import { randomBytes } from 'node:crypto'
import type { Clock } from '../../platform/base/clock.ts'
import { wrongPasswords } from '../../platform/catalog/limits.ts'
import type { Keys } from '../../platform/redis/keys.ts'
import type { RedisConnection } from '../../platform/redis/redis.ts'
import { script } from '../../platform/redis/script.ts'
import { accountKey, type Budget } from './rules.ts'

type Store = { redis: RedisConnection; keys: Keys; clock: Clock }

const countScript = script(import.meta.dirname, 'count.lua')
const refundScript = script(import.meta.dirname, 'refund.lua')

/** Returns how many were taken in a row, with this one, and the milliseconds to wait; it is taken only where none. */
export const countAttempt = async (
  { redis, keys, clock }: Store,
  { of, name, life }: Budget,
): Promise<{ id: string; inRow: number; wait: number }> => {
  const { free, wait, longestWait } = wrongPasswords
  const id = randomBytes(9).toString('base64url')
  const args = [name, id, free, wait, longestWait, life, clock.shift]
  const [inRow, toWait] = (await countScript(redis, [keys.attempts(of)], args)) as [number, number]
  return { id, inRow, wait: toWait }
}

/** The password was compared with nothing: the attempt does not count. */
export const refundAttempt = async (
  { redis, keys }: Pick<Store, 'redis' | 'keys'>,
  { of, name }: Budget,
  id: string,
): Promise<void> => {
  await refundScript(redis, [keys.attempts(of)], [name, id])
}

/** The password was right: the next wrong one is the first again. */
export const clearAttempts = async (
  { redis, keys }: Pick<Store, 'redis' | 'keys'>,
  { of, name }: Budget,
): Promise<void> => {
  await redis.hdel(keys.attempts(of), name, `${name}:until`, `${name}:latest`, `${name}:before`)
}

/** The password is another one: every budget is whole again. */
export const deleteAttempts = async (
  { redis, keys }: Pick<Store, 'redis' | 'keys'>,
  user: { id: string; email: string },
): Promise<void> => {
  await Promise.all([user.id, accountKey(user.email)].map(of => redis.del(keys.attempts(of))))
}
