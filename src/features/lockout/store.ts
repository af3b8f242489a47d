import { randomBytes } from 'node:crypto'
import type { Clock } from '../../platform/base/clock.ts'
import { wrongFactors, wrongPasswords } from '../../platform/catalog/limits.ts'
import type { Keys } from '../../platform/redis/keys.ts'
import type { RedisConnection } from '../../platform/redis/redis.ts'
import { script } from '../../platform/redis/script.ts'
import { type AttemptCounter, accountKey } from './attempt-counter.ts'

type Store = { redis: RedisConnection; keys: Keys; clock: Clock }

const countScript = script(import.meta.dirname, 'count.lua')
const refundScript = script(import.meta.dirname, 'refund.lua')

const waits = { password: wrongPasswords, second_factor: wrongFactors }

const keyOf = ({ keys }: Pick<Store, 'keys'>, { of, owner }: AttemptCounter): string =>
  of === 'password' ? keys.attempts(owner) : keys.factorAttempts(owner)

/**
 * Counts an attempt, unless the caller still has to wait. Returns its id, the attempts in a row including this one
 * (`inRow`), and the milliseconds to wait (`wait`; 0 if the attempt was counted).
 */
export const countAttempt = async (
  store: Store,
  counter: AttemptCounter,
): Promise<{ id: string; inRow: number; wait: number }> => {
  const { free, wait, longestWait } = waits[counter.of]
  const id = randomBytes(9).toString('base64url')
  const args = [counter.name, id, free, wait, longestWait, counter.life, store.clock.shift]
  const [inRow, toWait] = (await countScript(store.redis, [keyOf(store, counter)], args)) as [number, number]
  return { id, inRow, wait: toWait }
}

/** Refunds an attempt that was not checked. */
export const refundAttempt = async (
  store: Pick<Store, 'redis' | 'keys'>,
  counter: AttemptCounter,
  id: string,
): Promise<void> => {
  await refundScript(store.redis, [keyOf(store, counter)], [counter.name, id])
}

/** Resets one counter after a right attempt. The next wrong one is the first again. */
export const resetCounter = async (
  store: Pick<Store, 'redis' | 'keys'>,
  counter: AttemptCounter,
): Promise<void> => {
  const { name } = counter
  await store.redis.hdel(keyOf(store, counter), name, `${name}:until`, `${name}:latest`, `${name}:before`)
}

/**
 * Deletes the counters of the passwords of an account after its password was replaced. Those of its second factors stay: a
 * reset by a thief of the mailbox must not give them new guesses.
 */
export const deleteCounters = async (
  { redis, keys }: Pick<Store, 'redis' | 'keys'>,
  user: { id: string; email: string },
): Promise<void> => {
  await Promise.all([user.id, accountKey(user.email)].map(owner => redis.del(keys.attempts(owner))))
}

/** Deletes the counters of the second factors of a user who is erased. */
export const deleteFactorCounters = async (
  { redis, keys }: Pick<Store, 'redis' | 'keys'>,
  userId: string,
): Promise<void> => {
  await redis.del(keys.factorAttempts(userId))
}
