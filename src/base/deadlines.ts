/**
 * After how long what serves a request counts as not answering, in milliseconds. A request that meets a fault meets one or
 * two of them, and is to be answered within 5 s.
 */
export const deadlines = {
  redisCommand: 400,
  /** Waiting for a free connection to Postgres, or for a new one. */
  postgresConnection: 2000,
  postgresStatement: 1750,
  postgresLock: 1500,
  /** Waiting for a thread that hashes: a client that waits for longer has left. */
  hasherThread: 3500,
  /** Two tries together. */
  gateway: 3500,
}

export type Deadlines = typeof deadlines
