/**
 * Lets so many calls run at once. A call that takes longer than `timeoutMs` milliseconds goes on, and no longer counts: the
 * emails that wait behind a slow one are sent.
 */
export const openLanes = (atOnce: number, timeoutMs: number) => {
  const waiting: (() => void)[] = []
  let free = atOnce

  const leave = (): void => {
    const next = waiting.shift()
    if (next) next()
    else free++
  }

  return async <T>(run: () => Promise<T>): Promise<T> => {
    if (free > 0) free--
    else await new Promise<void>(resolve => waiting.push(resolve))
    let counts = true
    const makeRoom = (): void => {
      if (counts) leave()
      counts = false
    }
    const slow = setTimeout(makeRoom, timeoutMs)
    try {
      return await run()
    } finally {
      clearTimeout(slow)
      makeRoom()
    }
  }
}
