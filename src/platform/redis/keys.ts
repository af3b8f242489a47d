// Every Redis key. The keys of one script share the hash tag `{user id}`, so that a Redis Cluster keeps them in one slot.

export type Keys = ReturnType<typeof redisKeys>

/** The names of all keys under one prefix (`lk` unless configured). */
export const redisKeys = (prefix: string) => ({
  session: (userId: string, sessionId: string) => `${prefix}:{${userId}}:session:${sessionId}`,
  sessions: (userId: string) => `${prefix}:{${userId}}:sessions`,
  oneTimeToken: (userId: string, purpose: string) => `${prefix}:{${userId}}:proof:${purpose}`,
  guesses: (userId: string, purpose: string) => `${prefix}:{${userId}}:guesses:${purpose}`,
  ownGuesses: (userId: string, purpose: string) => `${prefix}:{${userId}}:guesses:${purpose}:own`,
  /** The devices that are known without a sign-in. */
  proved: (userId: string) => `${prefix}:{${userId}}:proved`,
  /** Hash of the token by which the owner of the address rejected and removed this account. */
  rejected: (userId: string) => `${prefix}:{${userId}}:rejected`,
  /** The devices that have signed in. */
  seen: (userId: string) => `${prefix}:{${userId}}:seen`,
  /** `owner` is a user's id, or the account key of an address. */
  attempts: (owner: string) => `${prefix}:{${owner}}:attempts`,
  /** Wrong evidence of second factors. Apart from `attempts`, which a reset of the password deletes. */
  factorAttempts: (userId: string) => `${prefix}:{${userId}}:factor_attempts`,
  /** A secret that a machine client has used before. `hash` is a part of its hash. */
  knownSecret: (clientId: string, hash: string) => `${prefix}:{${clientId}}:secret:${hash}`,
  /** A step of an authentication, by the hash of the secret that its client holds. */
  challenge: (kind: string, hash: string) => `${prefix}:challenge:${kind}:${hash}`,
  /** The feed of what ended, in order. */
  revocations: `${prefix}:{revocations}:log`,
  /** The entries of the feed, and when they expire. */
  knownRevocations: `${prefix}:{revocations}:known`,
  /** How many ended sessions of a subject the feed lists. */
  revocationsOf: (sub: string) => `${prefix}:{revocations}:count:${sub}`,
  limit: (name: string) => `${prefix}:limit:${name}`,
  queue: `{${prefix}}`,
  /** The lists of secrets that running processes use, by the ids of the secrets. */
  secretsInUse: `{${prefix}}:secrets`,
  /** The state that a worker last reported. */
  worker: `{${prefix}}:worker`,
})
