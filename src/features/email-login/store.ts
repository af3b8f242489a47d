import type { Keys } from '../../platform/redis/keys.ts'
import type { RedisConnection } from '../../platform/redis/redis.ts'
import { script } from '../../platform/redis/script.ts'

type Store = { redis: RedisConnection; keys: Keys }

const countScript = script(import.meta.dirname, 'count-guess.lua')
const refundScript = script(import.meta.dirname, 'refund-guess.lua')

/**
 * Counts guesses at every code that was requested for an account. `owner` is the account key of its address, or of the id of
 * its user for the guesses of one known device.
 */
export type GuessCounter = { owner: string; name: string }

const keyOf = ({ keys }: Store, { owner, name }: GuessCounter): string => keys.guesses(owner, name)

/** Counts a guess. Returns false if `atMost` guesses were counted before in this window of `window` milliseconds. */
export const countGuess = async (
  store: Store,
  counter: GuessCounter,
  { atMost, window }: { atMost: number; window: number },
): Promise<boolean> => (await countScript(store.redis, [keyOf(store, counter)], [atMost, window])) === 1

/** Refunds the guess of a right code. */
export const refundGuess = async (store: Store, counter: GuessCounter): Promise<void> => {
  await refundScript(store.redis, [keyOf(store, counter)], [])
}
