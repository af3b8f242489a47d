// Threads that hash passwords, and a queue of jobs for them. In the libuv pool, four sign-ins would block every DNS look-up
// and file read behind them. The queue is limited: a flood of sign-ins fails at once instead of after its clients have
// left, so that the caller can answer "try again".
import { Worker } from 'node:worker_threads'
import { type Lane, openHashQueue } from './hash-queue.ts'
import type { Answer, Job } from './password-worker.ts'

type Waiting = {
  job: Job
  timer: NodeJS.Timeout
  resolve: (done: string | boolean) => void
  reject: (error: Error) => void
}
type Slot = { worker: Worker | null; current: Waiting | null }

/** In each lane, `maxQueue` jobs may wait for up to `timeoutMs` milliseconds. */
export const openHashPool = (threads: number, maxQueue: number, timeoutMs: number) => {
  const queue = openHashQueue<Waiting>(maxQueue)
  const slots = Array.from({ length: threads }, (): Slot => ({ worker: null, current: null }))
  let closed = false

  const start = (slot: Slot): Worker => {
    // Without `execArgv`, the thread would inherit flags of the process, such as --input-type and --inspect.
    const file = new URL('./password-worker.ts', import.meta.url)
    const worker = new Worker(file, { name: 'password', execArgv: [] })
    let cause: unknown
    slot.worker = worker
    worker.on('message', (answer: Answer) => {
      const waiting = slot.current
      slot.current = null
      if ('done' in answer) waiting?.resolve(answer.done)
      else waiting?.reject(hasherError('ERR_HASHER_FAILED', 'the password could not be hashed'))
      next(slot)
    })
    // Without a listener, the error would end the process. An 'exit' always follows.
    worker.on('error', error => {
      cause = error
    })
    worker.on('exit', () => {
      const waiting = slot.current
      slot.current = null
      slot.worker = null
      waiting?.reject(
        hasherError(closed ? 'ERR_HASHER_CLOSED' : 'ERR_HASHER_FAILED', 'the password thread ended', cause),
      )
      next(slot)
    })
    worker.unref()
    return worker
  }

  // Start a thread only for a job, also after it has died. A thread that cannot start then fails one job each time instead
  // of restarting in a loop. A thread keeps the process alive only while it has a job.
  const next = (slot: Slot): void => {
    const waiting = closed ? undefined : queue.take()
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
    run(job: Job, lane: Lane): Promise<string | boolean> {
      if (closed) return Promise.reject(hasherError('ERR_HASHER_CLOSED', 'the password threads are closed'))
      const free = slots.find(slot => slot.current === null)
      if (!free && queue.isFull(lane)) return Promise.reject(busy())
      const { promise, resolve, reject } = Promise.withResolvers<string | boolean>()
      const onTimeout = () => {
        if (queue.remove(waiting)) reject(busy())
      }
      const waiting: Waiting = { job, timer: setTimeout(onTimeout, timeoutMs), resolve, reject }
      queue.add(waiting, lane)
      if (free) next(free)
      return promise
    },
    waiting: () => queue.length(),
    async close(): Promise<void> {
      closed = true
      for (let waiting = queue.take(); waiting; waiting = queue.take()) {
        clearTimeout(waiting.timer)
        waiting.reject(hasherError('ERR_HASHER_CLOSED', 'the password threads are closed'))
      }
      await Promise.all(slots.map(slot => slot.worker?.terminate()))
    },
  }
}

const busy = (): Error => hasherError('ERR_HASHER_BUSY', 'too many passwords are waiting')

const hasherError = (code: string, message: string, cause?: unknown): Error =>
  Object.assign(new Error(message, cause === undefined ? {} : { cause }), { code })
