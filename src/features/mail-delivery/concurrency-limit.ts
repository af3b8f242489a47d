/**
 * Limits how many calls run at once. A call that takes longer than `timeoutMs` continues but no longer counts, so that a
 * slow email does not block those behind it.
 */
export const openConcurrencyLimit = (concurrency: number, timeoutMs: number) => {
  const waiting: (() => void)[] = []
  let free = concurrency

  const leave = (): void => {
    const next = waiting.shift()
    if (next) next()
    else free++
  }

  return async <T>(run: () => Promise<T>): Promise<T> => {
    if (free > 0) free--
    else await new Promise<void>(resolve => waiting.push(resolve))
    let isCounted = true
    const release = (): void => {
      if (isCounted) leave()
      isCounted = false
    }
    const slow = setTimeout(release, timeoutMs)
    try {
      return await run()
    } finally {
      clearTimeout(slow)
      release()
    }
  }
}
