import type { Log } from './log.ts'

/**
 * Ends the process on SIGTERM or SIGINT once `close` is done, or after `patience` milliseconds without it. A second
 * signal ends it at once.
 */
export const closeOnSignal = (log: Log, patience: number, close: () => Promise<void>): void => {
  let closing = false
  const end = async (signal: string): Promise<void> => {
    if (closing) process.exit(1)
    closing = true
    log.info({ signal }, 'closing')
    const late = new Promise<number>(resolve => setTimeout(resolve, patience, 1).unref())
    const code = await Promise.race([close().then(() => 0), late]).catch(err => {
      log.error({ err }, 'closing failed')
      return 1
    })
    log.info({ code }, 'closed')
    process.exit(code)
  }
  process.on('SIGTERM', end)
  process.on('SIGINT', end)
}
