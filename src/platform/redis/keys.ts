// Every Redis key. The keys that one script touches share the hash tag `{user id}`, so that a Redis
// Cluster keeps them in one slot.

export type Keys = ReturnType<typeof redisKeys>

/** The names of all keys under one prefix (`lk` unless configured). */
export const redisKeys = (prefix: string) => ({
  session: (userId: string, sessionId: string) => `${prefix}:{${userId}}:session:${sessionId}`,
  sessions: (userId: string) => `${prefix}:{${userId}}:sessions`,
  proof: (userId: string, purpose: string) => `${prefix}:{${userId}}:proof:${purpose}`,
  guesses: (userId: string, purpose: string) => `${prefix}:{${userId}}:guesses:${purpose}`,
  ownGuesses: (userId: string, purpose: string) => `${prefix}:{${userId}}:guesses:${purpose}:own`,
  proved: (userId: string) => `${prefix}:{${userId}}:proved`,
  /** Hash of the token that has removed the account of this user. */
  rejected: (userId: string) => `${prefix}:{${userId}}:rejected`,
  seen: (userId: string) => `${prefix}:{${userId}}:seen`,
  /** `of` is a user's id, or stands for an address. */
  attempts: (of: string) => `${prefix}:{${of}}:attempts`,
  limit: (name: string) => `${prefix}:limit:${name}`,
  queue: `{${prefix}}`,
  /** What a worker was last heard to do. */
  worker: `{${prefix}}:worker`,
})
