// bcrypt in a few threads of our own, behind a queue with an end.
import { availableParallelism } from 'node:os'
import { timeouts } from '../config/timeouts.ts'
import { bcryptCost, dearestCost, decoyHash } from './bcrypt-hash.ts'
import { padsAfter } from './equal-work.ts'
import { readForeignHash } from './foreign-hash.ts'
import { openHashPool } from './hash-pool.ts'
import type { Lane } from './hash-queue.ts'

export { decoyHash }

export type Hasher = AsyncDisposable & {
  /**
   * The bcrypt hash (60 characters) of a password at the current cost. `next`: whoever asks has waited for a comparison
   * already, and goes before those who have just come.
   */
  hash(password: string, options?: { next?: boolean; lane?: Lane }): Promise<string>
  /**
   * Whether the password belongs to the stored hash, and whether that hash should be made anew: it is not `$2b$`
   * at the current cost. Null, or what is no hash that can be read, stands for an account that is not there: the
   * same path, one bcrypt at the current cost, and no match. With `inUse`, one stored hash of each form that accounts
   * have, each wrong password costs the same as with the dearest of them: see `padsAfter`. A bcrypt hash that another
   * system made of more than 72 bytes, or of a NUL, matches nothing here, for that system did not look at all of the
   * password.
   */
  compare(
    password: string,
    storedHash: string | null,
    options?: { lane?: Lane; inUse?: readonly string[] },
  ): Promise<{ matches: boolean; needsRehash: boolean }>
  /** How many wait for a thread. */
  waiting(): number
}

type Options = { cost: number; threads?: number; maxQueue?: number; timeoutMs?: number }

/**
 * Opens the pool: `cost` is bcrypt's (4 to 31), `threads` one a core, `maxQueue` the jobs that may wait in each lane (24 a
 * thread) for up to `timeoutMs` milliseconds. Rejections are errors with a `code`: ERR_HASHER_BUSY (the lane is full, or
 * waited in vain), ERR_HASHER_FAILED (the thread died or hashing failed), ERR_HASHER_CLOSED (disposed). None of them
 * holds the password.
 */
export const openHasher = (options: Options): Hasher => {
  const { cost, threads = availableParallelism(), maxQueue = threads * 24 } = options
  const { timeoutMs = timeouts.hasherThread } = options
  if (!Number.isInteger(cost) || cost < 4 || cost > 31) throw new RangeError('bcrypt cost must be 4 to 31')
  if (!(threads >= 1)) throw new RangeError('a password pool needs a thread')
  const pool = openHashPool(threads, maxQueue, timeoutMs)
  const ours = decoyHash(cost).slice(0, 7)
  return {
    hash: async (password, { next = false, lane = 'strangers' } = {}) =>
      String(await pool.run({ kind: 'hash', password, cost }, next ? 'next' : lane)),
    compare: async (password, storedHash, { lane = 'strangers', inUse = [] } = {}) => {
      const known = storedHash !== null && isReadable(storedHash, cost) ? storedHash : null
      const hash = known?.replace(/^\$2y\$/, '$2b$') ?? null
      const job = { kind: 'compare', password, hash, pads: padsAfter(hash, cost, inUse) } as const
      const matches = (await pool.run(job, lane)) === true
      return { matches, needsRehash: matches && !known?.startsWith(ours) }
    },
    waiting: () => pool.waiting(),
    [Symbol.asyncDispose]: () => pool.close(),
  }
}

/** Whether an account may be imported with this hash: bcrypt up to a cost of 16, or what `readForeignHash` reads. */
export const isImportable = (hash: string): boolean => isReadable(hash, dearestCost)

/** A dearer bcrypt than `cost` is none of ours. Up to 16 it was imported. */
const isReadable = (hash: string, cost: number): boolean => {
  const rounds = bcryptCost(hash)
  return rounds === null ? readForeignHash(hash) !== null : rounds <= Math.max(cost, dearestCost)
}
