import type { Log } from '../platform/base/log.ts'
import { exitCodeOf } from '../platform/config/config.ts'

const reasonOf = (error: unknown): string => {
  // A host name has several addresses, and none of them answered.
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ')
  return error instanceof Error ? error.message : ''
}

/** Logs why the process cannot start, and exits. The code 78 tells a supervisor that a restart cannot help. */
export const exitWithError = (log: Log, err: unknown, message = 'cannot start'): never => {
  log.fatal({ err, reason: reasonOf(err) }, message)
  process.exit(exitCodeOf(err))
}

/** Calls `close`. Returns the exit code: 0, or 1 if `close` fails or takes longer than `timeoutMs`. */
export const closeWithin = async (
  log: Log,
  timeoutMs: number,
  close: () => Promise<void>,
): Promise<0 | 1> => {
  const timedOut = new Promise<1>(resolve => setTimeout(resolve, timeoutMs, 1).unref())
  return Promise.race([close().then(() => 0 as const), timedOut]).catch(err => {
    log.error({ err }, 'closing failed')
    return 1
  })
}

/**
 * Calls `close` on SIGTERM or SIGINT, then exits: when `close` is done, after `timeoutMs`, or at once on a second signal.
 */
export const closeOnSignal = (log: Log, timeoutMs: number, close: () => Promise<void>): void => {
  let isClosing = false
  const end = async (signal: string): Promise<void> => {
    if (isClosing) process.exit(1)
    isClosing = true
    log.info({ signal }, 'closing')
    const code = await closeWithin(log, timeoutMs, close)
    log.info({ code }, 'closed')
    process.exit(code)
  }
  process.on('SIGTERM', end)
  process.on('SIGINT', end)
}
