import { encode } from '../../platform/base/base64url.ts'
import { sha256 } from '../../platform/crypto/derive.ts'
import type { Keys } from '../../platform/redis/keys.ts'
import type { RedisConnection } from '../../platform/redis/redis.ts'
import { script } from '../../platform/redis/script.ts'

// A challenge is what the service remembers between two requests of one authentication: which user has passed the first
// step, or what an authenticator must sign. Its client holds a secret of 256 random bits, and Redis only the hash.

type Store = { redis: RedisConnection; keys: Keys }

const putScript = script(import.meta.dirname, 'put.lua')
const takeScript = script(import.meta.dirname, 'take.lua')
const guessScript = script(import.meta.dirname, 'guess.lua')
const refundGuessScript = script(import.meta.dirname, 'refund-guess.lua')

/** What a challenge is good for. One of another kind is not found. */
export type ChallengeKind = 'mfa' | 'passkey' | 'email_login' | 'totp'

/** What a challenge stores. Nothing secret. */
export type Challenge = Readonly<Record<string, string>>

/** A challenge of a kind, by the secret that its client holds. */
export type ChallengeId = { kind: ChallengeKind; secret: Uint8Array }

const keyOf = ({ keys }: Store, { kind, secret }: ChallengeId): string =>
  keys.challenge(kind, encode(sha256(secret)))

const read = (reply: unknown): Challenge | null => {
  const texts = reply as string[]
  if (texts.length === 0) return null
  return Object.fromEntries(texts.flatMap((name, i) => (i % 2 === 0 ? [[name, texts[i + 1] ?? '']] : [])))
}

/** Stores a challenge for `life` milliseconds. */
export const putChallenge = async (
  store: Store,
  id: ChallengeId,
  challenge: Challenge,
  life: number,
): Promise<void> => {
  await putScript(store.redis, [keyOf(store, id)], [life, ...Object.entries(challenge).flat()])
}

/** Takes a challenge, so that no other request gets it. Null if it is unknown, expired or taken. */
export const takeChallenge = async (store: Store, id: ChallengeId): Promise<Challenge | null> =>
  read(await takeScript(store.redis, [keyOf(store, id)], []))

/**
 * Returns a challenge for one guess at it, and keeps it for the next guess. Null if it is unknown, expired or taken, or if
 * `atMost` guesses were made before. `counts` is false for evidence that cannot be guessed.
 */
export const guessChallenge = async (
  store: Store,
  id: ChallengeId,
  atMost: number,
  { counts = true }: { counts?: boolean } = {},
): Promise<Challenge | null> =>
  read(await guessScript(store.redis, [keyOf(store, id)], [atMost, counts ? 1 : 0]))

/** Refunds a guess that was not checked. */
export const refundGuess = async (store: Store, id: ChallengeId): Promise<void> => {
  await refundGuessScript(store.redis, [keyOf(store, id)], [])
}
