import type { Clock } from '../../platform/base/clock.ts'
import { type TokenPurpose, tokenPurposes } from '../../platform/catalog/token-purposes.ts'
import type { Keys } from '../../platform/redis/keys.ts'
import type { RedisConnection } from '../../platform/redis/redis.ts'
import { script } from '../../platform/redis/script.ts'

type Store = { redis: RedisConnection; keys: Keys; clock: Clock }

const issueScript = script(import.meta.dirname, 'issue.lua')
const checkScript = script(import.meta.dirname, 'check.lua')

export type TokenKey = { userId: string; purpose: TokenPurpose }

/** `life` in milliseconds. Hashes only. Returns false where a newer proof stands already. */
export const storeToken = async (
  { redis, keys, clock }: Store,
  { userId, purpose }: TokenKey,
  proof: { emailId: string; token: string; code: string; address: string; life: number },
): Promise<boolean> => {
  const args = [proof.emailId, proof.token, proof.code, proof.address, Math.ceil(proof.life), clock.shift]
  return (await issueScript(redis, [keys.oneTimeToken(userId, purpose)], args)) === 'issued'
}

export type LiveToken = { emailId: string; address: string; expiresIn: number }

/** `isOwner`: the owner's session presents it. Guesses from elsewhere then do not count. */
type Matched = {
  by: 'token' | 'code'
  hash: string
  isOwner: boolean
  guesses: number
  guessesInAll: number
  window: number
}

/**
 * Compares without spending; a code costs one of `guesses`, and one of the `guessesInAll` that every code of the user
 * and purpose has in a `window` of milliseconds. Null where there is nothing to compare with.
 */
export const matchToken = async (
  { redis, keys, clock }: Store,
  { userId, purpose }: TokenKey,
  { by, hash, isOwner, guesses, guessesInAll, window }: Matched,
): Promise<LiveToken | 'wrong' | null> => {
  const inAll = isOwner ? keys.ownGuesses(userId, purpose) : keys.guesses(userId, purpose)
  const counter = isOwner ? 'own_attempts' : 'attempts'
  const args = [by, hash, guesses, clock.shift, guessesInAll, window, counter]
  const found = await checkScript(redis, [keys.oneTimeToken(userId, purpose), inAll], args)
  const reply = found as [string, string, number] | 'wrong' | null
  if (reply === 'wrong') return 'wrong'
  return reply && { emailId: reply[0], address: reply[1], expiresIn: reply[2] }
}

/** Forgets the proofs of a user, which hold addresses, and the guesses at them. */
export const deleteUserTokens = async (
  { redis, keys }: Pick<Store, 'redis' | 'keys'>,
  userId: string,
): Promise<void> => {
  const names = [keys.oneTimeToken, keys.guesses, keys.ownGuesses]
  await redis.del(...tokenPurposes.flatMap(each => names.map(name => name(userId, each))))
}

/** Remembers that a token is about to remove the account of a user, for as long as the token lives (in milliseconds). */
export const storeRejection = async (
  { redis, keys }: Pick<Store, 'redis' | 'keys'>,
  userId: string,
  hash: string,
  life: number,
): Promise<void> => {
  await redis.set(keys.rejected(userId), hash, 'PX', Math.ceil(life))
}

export const hasRejection = async (
  { redis, keys }: Pick<Store, 'redis' | 'keys'>,
  userId: string,
  hash: string,
): Promise<boolean> => (await redis.get(keys.rejected(userId))) === hash
