import { availableParallelism } from 'node:os'
import { defaultTimeouts } from '../config/timeouts.ts'
import { bcryptCost, decoyHash, maxBcryptCost } from './bcrypt-hash.ts'
import { decoysAfter } from './equal-work.ts'
import { readForeignHash } from './foreign-hash.ts'
import { openHashPool } from './hash-pool.ts'
import type { Lane } from './hash-queue.ts'

export { decoyHash }

export type Hasher = AsyncDisposable & {
  /**
   * Returns the bcrypt hash (60 characters) of a password at the current cost. `next` puts the request before all others,
   * as it has waited for a comparison already.
   */
  hash(password: string, options?: { next?: boolean; lane?: Lane }): Promise<string>
  /**
   * Returns whether the password has the stored hash, and whether that hash is not `$2b$` at the current cost and should
   * be renewed. Null and an unreadable hash stand for a missing account: one bcrypt at the current cost, and no match.
   *
   * `inUse` holds one stored hash of each kind that accounts have: a wrong password then always costs the same, see
   * `decoysAfter`. A bcrypt hash that another system made of more than 72 bytes or of a NUL matches nothing, as that
   * system ignored the rest of the password.
   */
  compare(
    password: string,
    storedHash: string | null,
    options?: { lane?: Lane; inUse?: readonly string[] },
  ): Promise<{ matches: boolean; needsRehash: boolean }>
  /** How many jobs wait for a thread. */
  waiting(): number
}

type Options = { cost: number; threads?: number; maxQueue?: number; timeoutMs?: number }

/**
 * Opens the pool. `cost` is the cost of bcrypt (4 to 31). `threads` is one per core by default. In each lane `maxQueue`
 * jobs (24 per thread) may wait for up to `timeoutMs` milliseconds.
 *
 * Rejects with a `code`: ERR_HASHER_BUSY (the lane is full, or the job waited too long), ERR_HASHER_FAILED (the thread died
 * or hashing failed), ERR_HASHER_CLOSED (disposed). No error holds the password.
 */
export const openHasher = (options: Options): Hasher => {
  const { cost, threads = availableParallelism(), maxQueue = threads * 24 } = options
  const { timeoutMs = defaultTimeouts.hasherThread } = options
  if (!Number.isInteger(cost) || cost < 4 || cost > 31) throw new RangeError('bcrypt cost must be 4 to 31')
  if (!(threads >= 1)) throw new RangeError('a password pool needs a thread')
  const pool = openHashPool(threads, maxQueue, timeoutMs)
  const currentPrefix = decoyHash(cost).slice(0, 7)
  return {
    hash: async (password, { next = false, lane = 'unknown' } = {}) =>
      String(await pool.run({ kind: 'hash', password, cost }, next ? 'next' : lane)),
    compare: async (password, storedHash, { lane = 'unknown', inUse = [] } = {}) => {
      const known = storedHash !== null && isReadable(storedHash, cost) ? storedHash : null
      const hash = known?.replace(/^\$2y\$/, '$2b$') ?? null
      const job = { kind: 'compare', password, hash, decoys: decoysAfter(hash, cost, inUse) } as const
      const matches = (await pool.run(job, lane)) === true
      return { matches, needsRehash: matches && !known?.startsWith(currentPrefix) }
    },
    waiting: () => pool.waiting(),
    [Symbol.asyncDispose]: () => pool.close(),
  }
}

/** Whether an account may be imported with this hash: bcrypt up to a cost of 16, or one that `readForeignHash` parses. */
export const isImportable = (hash: string): boolean => isReadable(hash, maxBcryptCost)

/** A bcrypt hash above `cost` was imported, and may have a cost of up to 16. */
const isReadable = (hash: string, cost: number): boolean => {
  const rounds = bcryptCost(hash)
  return rounds === null ? readForeignHash(hash) !== null : rounds <= Math.max(cost, maxBcryptCost)
}
