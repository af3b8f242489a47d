/**
 * How many times slower this machine is than a quiet one of two cores, as measured when the run began: at least 1. What
 * a test waits for is given this many times longer, so that a slow machine is no failure.
 */
export const slowness = Math.max(1, Number(process.env.TEST_SLOWNESS) || 1)

/** Asks until the answer is there. Throws where it is not after `timeoutMs` milliseconds of a quiet machine. */
export const until = async <T>(
  what: string,
  ask: () => Promise<T | null | undefined | false> | T | null | undefined | false,
  timeoutMs = 20_000,
): Promise<T> => {
  const timeout = Math.round(timeoutMs * slowness)
  const deadline = Date.now() + timeout
  for (;;) {
    const answer = await ask()
    if (answer !== null && answer !== undefined && answer !== false) return answer
    if (Date.now() > deadline) throw new Error(`Timed out after ${timeout} ms waiting for: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 25))
  }
}
