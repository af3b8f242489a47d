// A few threads that hash passwords, and those who wait for them. In the libuv pool four logins in flight would hold up
// every DNS look-up and file read behind them. A queue without an end would answer a flood of logins only after the
// clients have left. Here it fails at once, so that the caller can say "try again".
import { Worker } from 'node:worker_threads'
import { type Lane, openHashQueue } from './hash-queue.ts'
import type { Answer, Job } from './password-worker.ts'

type Waiting = {
  job: Job
  timer: NodeJS.Timeout
  resolve: (done: string | boolean) => void
  reject: (fault: Error) => void
}
type Slot = { worker: Worker | null; current: Waiting | null }

/** `maxQueue` may wait in each lane, for up to `timeoutMs` milliseconds. */
export const openHashPool = (threads: number, maxQueue: number, timeoutMs: number) => {
  const queue = openHashQueue<Waiting>(maxQueue)
  const slots = Array.from({ length: threads }, (): Slot => ({ worker: null, current: null }))
  let closed = false

  const start = (slot: Slot): Worker => {
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

  // A thread is started when there is work for it, the first time as after its death: one that cannot start fails a job
  // each time instead of being started over and over. A thread keeps the process alive only while it has work.
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
      if (closed) return Promise.reject(fault('ERR_HASHER_CLOSED', 'the password threads are closed'))
      const free = slots.find(slot => slot.current === null)
      if (!free && queue.isFull(lane)) return Promise.reject(busy())
      const { promise, resolve, reject } = Promise.withResolvers<string | boolean>()
      const giveUp = () => {
        if (queue.remove(waiting)) reject(busy())
      }
      const waiting: Waiting = { job, timer: setTimeout(giveUp, timeoutMs), resolve, reject }
      queue.add(waiting, lane)
      if (free) next(free)
      return promise
    },
    waiting: () => queue.length(),
    async close(): Promise<void> {
      closed = true
      for (let waiting = queue.take(); waiting; waiting = queue.take()) {
        clearTimeout(waiting.timer)
        waiting.reject(fault('ERR_HASHER_CLOSED', 'the password threads are closed'))
      }
      await Promise.all(slots.map(slot => slot.worker?.terminate()))
    },
  }
}

const busy = (): Error => fault('ERR_HASHER_BUSY', 'too many passwords are waiting')

const fault = (code: string, message: string, cause?: unknown): Error =>
  Object.assign(new Error(message, cause === undefined ? {} : { cause }), { code })
