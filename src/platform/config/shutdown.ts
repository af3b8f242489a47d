import type { Log } from '../base/log.ts'
import { exitCodeOf } from './config.ts'

const reasonOf = (error: unknown): string => {
  // Several addresses of one name, and none of them answers.
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ')
  return error instanceof Error ? error.message : ''
}

/** Logs why a process cannot do its work, and ends it with the code that tells whether starting again may help. */
export const endUnstarted = (log: Log, err: unknown, message = 'cannot start'): never => {
  log.fatal({ err, reason: reasonOf(err) }, message)
  process.exit(exitCodeOf(err))
}

/** Closes. The code to exit with: 0, or 1 where `close` fails or takes longer than `timeoutMs` milliseconds. */
export const closed = async (log: Log, timeoutMs: number, close: () => Promise<void>): Promise<0 | 1> => {
  const late = new Promise<1>(resolve => setTimeout(resolve, timeoutMs, 1).unref())
  return Promise.race([close().then(() => 0 as const), late]).catch(err => {
    log.error({ err }, 'closing failed')
    return 1
  })
}

/**
 * Ends the process on SIGTERM or SIGINT once `close` is done, or after `timeoutMs` milliseconds without it. A second
 * signal ends it at once.
 */
export const closeOnSignal = (log: Log, timeoutMs: number, close: () => Promise<void>): void => {
  let closing = false
  const end = async (signal: string): Promise<void> => {
    if (closing) process.exit(1)
    closing = true
    log.info({ signal }, 'closing')
    const code = await closed(log, timeoutMs, close)
    log.info({ code }, 'closed')
    process.exit(code)
  }
  process.on('SIGTERM', end)
  process.on('SIGINT', end)
}
