import type { Clock } from '../../platform/base/clock.ts'
import { type TokenPurpose, tokenPurposes } from '../../platform/catalog/token-purposes.ts'
import type { Keys } from '../../platform/redis/keys.ts'
import type { RedisConnection } from '../../platform/redis/redis.ts'
import { script } from '../../platform/redis/script.ts'

type Store = { redis: RedisConnection; keys: Keys; clock: Clock }

const issueScript = script(import.meta.dirname, 'issue.lua')
const checkScript = script(import.meta.dirname, 'check.lua')

type TokenKey = { userId: string; purpose: TokenPurpose }

/** `token` and `code` are hashes, `life` is in milliseconds. Returns false if a newer email has replaced this token. */
export const storeToken = async (
  { redis, keys, clock }: Store,
  { userId, purpose }: TokenKey,
  {
    emailId,
    token,
    code,
    address,
    life,
  }: {
    emailId: string
    token: string
    code: string
    address: string
    life: number
  },
): Promise<boolean> => {
  const args = [emailId, token, code, address, Math.ceil(life), clock.shift]
  return (await issueScript(redis, [keys.oneTimeToken(userId, purpose)], args)) === 'issued'
}

/** `expiresIn` is in milliseconds. */
export type LiveToken = { emailId: string; address: string; expiresIn: number }

type Comparison = {
  by: 'token' | 'code'
  /** One of them must match. A code has a hash under each secret of APP_SECRET. */
  hashes: readonly string[]
  /** The session of the owner presents it: guesses of other clients then do not count. */
  isOwner: boolean
  /** Guesses allowed at one code. */
  perCode: number
  /** Guesses allowed at all codes of one user and purpose, in `window` milliseconds. */
  perWindow: number
  window: number
}

/**
 * Compares a token or a code with the live one, without consuming it. Each comparison of a code counts as a guess. Returns
 * null if there is nothing to compare with, or no guess is left.
 */
export const matchToken = async (
  { redis, keys, clock }: Store,
  { userId, purpose }: TokenKey,
  { by, hashes, isOwner, perCode, perWindow, window }: Comparison,
): Promise<LiveToken | 'wrong' | null> => {
  const guesses = isOwner ? keys.ownGuesses(userId, purpose) : keys.guesses(userId, purpose)
  const counter = isOwner ? 'own_attempts' : 'attempts'
  const args = [by, hashes.join(','), perCode, clock.shift, perWindow, window, counter]
  const found = await checkScript(redis, [keys.oneTimeToken(userId, purpose), guesses], args)
  const reply = found as [string, string, number] | 'wrong' | null
  if (reply === 'wrong') return 'wrong'
  return reply && { emailId: reply[0], address: reply[1], expiresIn: reply[2] }
}

/** Deletes the live tokens of a user, which hold addresses, and the counts of guesses. */
export const deleteUserTokens = async (
  { redis, keys }: Pick<Store, 'redis' | 'keys'>,
  userId: string,
): Promise<void> => {
  const names = [keys.oneTimeToken, keys.guesses, keys.ownGuesses]
  await redis.del(...tokenPurposes.flatMap(purpose => names.map(name => name(userId, purpose))))
}

/**
 * Stores the hash of the token that is about to remove the account of a user, for the rest of the token's `life` in
 * milliseconds. A repeated request then gets the same reply, although the account is gone.
 */
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
