/**
 * A signal that aborts with `signal`, or after `timeoutMs`. Disposing it frees its timer at once. A signal of
 * `AbortSignal.timeout` would keep its own for half an hour after each email.
 */
export const limitTime = (signal: AbortSignal, timeoutMs: number): Disposable & { signal: AbortSignal } => {
  const limited = new AbortController()
  const abort = (): void => limited.abort(signal.reason)
  const timeout = setTimeout(
    () => limited.abort(new DOMException('The delivery took too long', 'TimeoutError')),
    timeoutMs,
  )
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort)
  return {
    signal: limited.signal,
    [Symbol.dispose]: () => {
      clearTimeout(timeout)
      signal.removeEventListener('abort', abort)
    },
  }
}
