import type { Fetch } from './fetch-issuer.ts'

// What reads in the background: it neither keeps a process alive nor outlives its verifier.

/** Calls back. An error in the callback must not end the process: no caller waits for what runs in the background. */
export const notify = (callback: (error: unknown) => unknown, error: unknown): void => {
  const call = async (): Promise<unknown> => callback(error)
  call().catch(() => {})
}

/** Waits, without keeping the process alive. */
export const sleep = (milliseconds: number): Promise<void> =>
  new Promise(resolve => {
    const timer: { unref?: () => void } | number = setTimeout(resolve, milliseconds)
    if (typeof timer === 'object') timer.unref?.()
  })

/** A pause after so many failures in a row: longer each time, up to 10 s, and random, so that guards do not come at once. */
export const pauseAfter = (failures: number): number =>
  Math.min(10_000, 500 * 2 ** failures) * (0.5 + Math.random() / 2)

/** A `fetch` that stops with the signal. `AbortSignal.any` is too new for Node 20.0. */
export const stoppable =
  (fetch: Fetch, stop: AbortSignal): Fetch =>
  (url, init) => {
    const both = new AbortController()
    const abort = (): void => both.abort()
    init.signal.addEventListener('abort', abort, { once: true })
    stop.addEventListener('abort', abort, { once: true, signal: init.signal })
    if (stop.aborted) abort()
    return fetch(url, { ...init, signal: both.signal })
  }
