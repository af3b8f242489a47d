import type { Deps } from '../../deps.ts'
import { isPermissionError } from '../../platform/base/store-errors.ts'
import { reportWorker } from '../../platform/mail/queue-state.ts'

type Needs = Pick<Deps, 'log' | 'redis' | 'keys'>

export type WorkerWatch = {
  /** Reports an error that kept the worker from taking jobs. */
  reportError: (error: unknown) => void
  /** Returns whether Redis denied a command to its user. Then it reports that, and the worker must end. */
  reportIfDenied: (error: unknown) => boolean
  /** Reports to all instances that this worker takes jobs, unless it had an error just now. Called every few seconds. */
  beat: () => Promise<void>
  /** Resolves with the error of the first command that Redis refused. */
  refused: Promise<Error>
}

const errorMemoryMs = 15_000
const logEveryMs = 60_000

/** Watches whether a worker can take jobs. If it cannot, it logs that at `error`. */
export const watchWorker = ({ log, redis, keys }: Needs): WorkerWatch => {
  const { promise: refused, resolve } = Promise.withResolvers<Error>()
  let isRefused = false
  let lastErrorAt = Number.NEGATIVE_INFINITY
  let healthyAt = performance.now()

  const onDenied = (error: Error): void => {
    if (isRefused) return
    isRefused = true
    const message = 'the worker cannot take jobs: Redis refuses a command to its user'
    log.error({ err: error, reason: error.message }, message)
    reportWorker({ redis, keys }, 'refused').catch(err => log.warn({ err }, 'mail worker'))
    resolve(error)
  }

  const reportIfDenied = (error: unknown): boolean => {
    if (!(error instanceof Error) || !isPermissionError(error)) return false
    onDenied(error)
    return true
  }

  const beat = async (): Promise<void> => {
    if (isRefused) return
    const isHealthy =
      performance.now() - lastErrorAt > errorMemoryMs &&
      (await reportWorker({ redis, keys }, 'takes jobs').then(
        () => true,
        error => {
          reportIfDenied(error)
          return false
        },
      ))
    if (!isHealthy && performance.now() - healthyAt < logEveryMs) return
    healthyAt = performance.now()
    if (!isHealthy) log.error('the worker has not been able to take jobs for a minute: see its warnings')
  }

  const reportError = (error: unknown): void => {
    lastErrorAt = performance.now()
    if (!reportIfDenied(error)) log.warn({ err: error }, 'mail worker')
  }

  return { reportError, reportIfDenied, beat, refused }
}
