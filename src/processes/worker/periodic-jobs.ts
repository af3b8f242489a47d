import { setTimeout as sleep } from 'node:timers/promises'

type PeriodicJob = { run: () => Promise<unknown>; pauseMs: number }

const repeat = async ({ run, pauseMs }: PeriodicJob, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    await run()
    await sleep(pauseMs, null, { signal }).catch(() => {})
  }
}

/** Runs jobs until `stop`, which resolves when the calls in progress have ended. `run` must not reject. */
export const startPeriodicJobs = (all: readonly PeriodicJob[]): { stop: () => Promise<unknown> } => {
  const stopping = new AbortController()
  const ended = Promise.all(all.map(job => repeat(job, stopping.signal)))
  return {
    stop: () => {
      stopping.abort()
      return ended
    },
  }
}
