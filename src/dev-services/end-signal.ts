/** What this needs of `process`. */
type Process = {
  on: (signal: NodeJS.Signals, listener: (signal: NodeJS.Signals) => void) => unknown
  exit: (code: number) => unknown
}

// Ctrl-C under `npm start` reaches a process twice: from the terminal, and from npm, which hands it on. A terminal that
// closes sends SIGHUP, and npm hands on a signal of its own.
const samePress = 1000

/**
 * Resolves at the first signal that asks this process to end, so that it can end what it has started. Signals of the
 * same key press are ignored. One that comes a second later or more ends the process at once.
 */
export const endSignal = (process: Process): Promise<NodeJS.Signals> =>
  new Promise(resolve => {
    let first: number | undefined
    const hear = (signal: NodeJS.Signals): void => {
      const now = performance.now()
      if (first !== undefined && now - first >= samePress) process.exit(1)
      first ??= now
      resolve(signal)
    }
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, hear)
  })
