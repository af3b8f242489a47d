/** The part of `process` that is used here. */
type Process = {
  on: (signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void) => unknown
  exit: (code: number) => unknown
}

// Under `npm start` one Ctrl-C sends two signals to the process: one from the terminal, one forwarded by npm. A terminal
// that closes sends SIGHUP, and npm forwards a signal of its own.
const sameKeyPressMs = 1000

/**
 * Resolves at the first signal that asks this process to end, so that it can stop the processes it started. Further
 * signals within a second are ignored. A later one ends the process at once.
 */
export const endSignal = (process: Process): Promise<NodeJS.Signals> =>
  new Promise(resolve => {
    let first: number | undefined
    const onSignal = (signal: NodeJS.Signals): void => {
      const now = performance.now()
      if (first !== undefined && now - first >= sameKeyPressMs) process.exit(1)
      first ??= now
      resolve(signal)
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)
  })
