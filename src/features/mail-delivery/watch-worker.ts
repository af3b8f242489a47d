import type { Deps } from '../../deps.ts'
import { isRefusal } from '../../platform/base/store-errors.ts'
import { tellWorker } from '../../platform/mail/queue-state.ts'

type Needs = Pick<Deps, 'log' | 'redis' | 'keys'>

export type WorkerWatch = {
  /** Takes note of what kept the worker from taking jobs. */
  fault: (error: unknown) => void
  /** Whether Redis refused a command: then the worker is to end. */
  isRefusal: (error: unknown) => boolean
  /** Tells all instances that this worker takes jobs, unless it met a fault just now. Done every few seconds. */
  beat: () => Promise<void>
  /** Resolves with the first command that Redis refused to this user. */
  refused: Promise<Error>
}

// In milliseconds.
const faultCounts = 15_000
const longAfter = 60_000

/** Watches whether a worker can take jobs, and says so at `error` where it cannot. */
export const watchWorker = ({ log, redis, keys }: Needs): WorkerWatch => {
  const { promise: refused, resolve } = Promise.withResolvers<Error>()
  let isRefused = false
  let faultAt = Number.NEGATIVE_INFINITY
  let wellAt = performance.now()

  const refuse = (error: Error): void => {
    if (isRefused) return
    isRefused = true
    const words = 'the worker cannot take jobs: Redis refuses a command to its user'
    log.error({ err: error, reason: error.message }, words)
    tellWorker({ redis, keys }, 'refused').catch(err => log.warn({ err }, 'mail worker'))
    resolve(error)
  }

  const met = (error: unknown): boolean => {
    if (!(error instanceof Error) || !isRefusal(error)) return false
    refuse(error)
    return true
  }

  const beat = async (): Promise<void> => {
    if (isRefused) return
    const isWell =
      performance.now() - faultAt > faultCounts &&
      (await tellWorker({ redis, keys }, 'takes jobs').then(
        () => true,
        error => {
          met(error)
          return false
        },
      ))
    if (!isWell && performance.now() - wellAt < longAfter) return
    wellAt = performance.now()
    if (!isWell) log.error('the worker has not been able to take jobs for a minute: see its warnings')
  }

  const fault = (error: unknown): void => {
    faultAt = performance.now()
    if (!met(error)) log.warn({ err: error }, 'mail worker')
  }

  return { fault, isRefusal: met, beat, refused }
}
