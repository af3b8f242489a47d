import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Calls `probe` every 50 ms until it does not throw. Returns false if the process stops running before that, and throws
 * the last error of `probe` after `timeoutMs`.
 */
export const untilReady = async (
  probe: () => Promise<void>,
  { isRunning, timeoutMs }: { isRunning: () => boolean; timeoutMs: number },
): Promise<boolean> => {
  const deadline = Date.now() + timeoutMs
  while (isRunning()) {
    try {
      await probe()
      return true
    } catch (error) {
      if (Date.now() > deadline) throw error
    }
    await sleep(50)
  }
  return false
}
