// bcrypt in a few threads of our own, behind a queue with an end. In the libuv pool four logins in flight would
// hold up every DNS look-up and file read behind them; a queue without an end would answer a flood of logins only
// after the clients have left. Here it fails at once, so that the caller can say "try again".
import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { deadlines } from '../base/deadlines.ts'
import { readForeignHash } from './foreign-hash.ts'
import type { Answer, Job } from './password-worker.ts'

export type Hasher = AsyncDisposable & {
  /**
   * The bcrypt hash (60 characters) of a password at the current cost. `next`: whoever asks has waited for a comparison
   * already, and goes before those who have just come.
   */
  hash(password: string, options?: { next: boolean }): Promise<string>
  /**
   * Whether the password belongs to the stored hash, and whether that hash should be made anew: it is not `$2b$`
   * at the current cost. Null, or what is no hash that can be read, stands for an account that is not there: the
   * same path, one bcrypt at the current cost, and no match. A bcrypt hash that another system made of more than
   * 72 bytes, or of a NUL, matches nothing here, for that system did not look at all of the password.
   */
  compare(password: string, storedHash: string | null): Promise<{ matches: boolean; needsRehash: boolean }>
  /** How many wait for a thread. */
  waiting(): number
}

type Waiting = {
  job: Job
  timer: NodeJS.Timeout
  resolve: (done: string | boolean) => void
  reject: (fault: Error) => void
}
type Slot = { worker: Worker | null; current: Waiting | null }

type Options = { cost: number; threads?: number; maxQueue?: number; patience?: number }

const BCRYPT = /^\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}$/

/**
 * Opens the pool: `cost` is bcrypt's (4 to 31), `threads` one a core, `maxQueue` the jobs that may wait (24 a
 * thread) for up to `patience` milliseconds. Rejections are errors with a `code`: ERR_HASHER_BUSY (queue full, or
 * waited in vain), ERR_HASHER_FAILED (the thread died or hashing failed), ERR_HASHER_CLOSED (disposed). None of them
 * holds the password.
 */
export function openHasher(options: Options): Hasher {
  const { cost, threads = availableParallelism(), maxQueue = threads * 24 } = options
  const { patience = deadlines.hasherThread } = options
  if (!Number.isInteger(cost) || cost < 4 || cost > 31) throw new RangeError('bcrypt cost must be 4 to 31')
  if (!(threads >= 1)) throw new RangeError('a password pool needs a thread')
  const pool = openPool(threads, maxQueue, patience)
  const decoy = decoyHash(cost)
  const ours = decoy.slice(0, 7)
  return {
    hash: async (password, { next } = { next: false }) =>
      String(await pool.run({ kind: 'hash', password, cost }, next)),
    compare: async (password, storedHash) => {
      const known = storedHash !== null && isReadable(storedHash) ? storedHash : null
      const rounds = Number(BCRYPT.exec(known ?? '')?.[1] ?? cost)
      // Known leak: an imported hash that is not bcrypt costs what it says and not what the decoy costs. Until its
      // owner has signed in once, and it has become one of ours, the time of an answer tells that there is an account.
      const hash = known === null ? decoy : known.replace(/^\$2y\$/, '$2b$')
      // A hash of a lower cost would answer sooner than the decoy does, and so tell that there is an account. One
      // bcrypt of each cost in between makes up for it to the round: 2^r + (2^r + … + 2^(c-1)) = 2^c.
      const pads = Array.from({ length: Math.max(0, cost - rounds) }, (_, i) => decoyHash(rounds + i))
      const equal = await pool.run({ kind: 'compare', password, hash, pads })
      const matches = known !== null && equal === true
      return { matches, needsRehash: matches && !known.startsWith(ours) }
    },
    waiting: () => pool.waiting(),
    [Symbol.asyncDispose]: () => pool.close(),
  }
}

/**
 * Whether an account may be imported with this hash: bcrypt up to a cost of 16, or what `readForeignHash` reads. At
 * 31, bcrypt would keep a thread for a day.
 */
export function isImportable(hash: string): boolean {
  return isReadable(hash) && Number(BCRYPT.exec(hash)?.[1] ?? 0) <= 16
}

function isReadable(hash: string): boolean {
  return BCRYPT.test(hash) || readForeignHash(hash) !== null
}

/** A well-formed hash of this cost which no known password has. */
export function decoyHash(cost: number): string {
  const text = randomBytes(48).toString('base64').slice(0, 53).replaceAll('+', '.')
  return `$2b$${String(cost).padStart(2, '0')}$${text}`
}

function openPool(threads: number, maxQueue: number, patience: number) {
  const queue: Waiting[] = []
  const slots = Array.from({ length: threads }, (): Slot => ({ worker: null, current: null }))
  let closed = false

  function start(slot: Slot): Worker {
    // Flags of the main process (--input-type, --inspect) are not for a thread that runs one file.
    const file = new URL('./password-worker.ts', import.meta.url)
    const worker = new Worker(file, { name: 'password', execArgv: [] })
    let cause: unknown
    slot.worker = worker
    worker.on('message', (answer: Answer) => {
      const waiting = slot.current
      slot.current = null
      if ('done' in answer) waiting?.resolve(answer.done)
      else waiting?.reject(fault('ERR_HASHER_FAILED', 'the password could not be hashed'))
      next(slot)
    })
    // An 'exit' always follows; without a listener the error would end the whole process.
    worker.on('error', error => {
      cause = error
    })
    worker.on('exit', () => {
      const waiting = slot.current
      slot.current = null
      slot.worker = null
      waiting?.reject(
        fault(closed ? 'ERR_HASHER_CLOSED' : 'ERR_HASHER_FAILED', 'the password thread ended', cause),
      )
      next(slot)
    })
    worker.unref()
    return worker
  }

  function giveUp(job: Job): void {
    const at = queue.findIndex(waiting => waiting.job === job)
    const [waiting] = at < 0 ? [] : queue.splice(at, 1)
    waiting?.reject(fault('ERR_HASHER_BUSY', 'too many passwords are waiting'))
  }

  // A thread is started when there is work for it, the first time as after its death: one that cannot start fails a job
  // each time instead of being started over and over. A thread keeps the process alive only while it has work.
  function next(slot: Slot): void {
    const waiting = closed ? undefined : queue.shift()
    if (waiting === undefined) {
      slot.worker?.unref()
      return
    }
    clearTimeout(waiting.timer)
    slot.current = waiting
    const worker = slot.worker ?? start(slot)
    worker.ref()
    worker.postMessage(waiting.job)
  }

  return {
    run(job: Job, first = false): Promise<string | boolean> {
      const free = slots.find(slot => slot.current === null)
      if (closed) return Promise.reject(fault('ERR_HASHER_CLOSED', 'the password threads are closed'))
      if (!free && !first && queue.length >= maxQueue)
        return Promise.reject(fault('ERR_HASHER_BUSY', 'too many passwords are waiting'))
      const { promise, resolve, reject } = Promise.withResolvers<string | boolean>()
      const waiting = { job, timer: setTimeout(giveUp, patience, job), resolve, reject }
      if (first) queue.unshift(waiting)
      else queue.push(waiting)
      if (free) next(free)
      return promise
    },
    waiting: () => queue.length,
    async close(): Promise<void> {
      closed = true
      for (const waiting of queue.splice(0)) {
        clearTimeout(waiting.timer)
        waiting.reject(fault('ERR_HASHER_CLOSED', 'the password threads are closed'))
      }
      await Promise.all(slots.map(slot => slot.worker?.terminate()))
    },
  }
}

function fault(code: string, message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, cause === undefined ? {} : { cause }), { code })
}
