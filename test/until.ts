/**
 * How many times slower this machine is than an idle one with two cores, measured at the start of the run: at least 1.
 * Test timeouts are multiplied by it, so that a slow machine fails no test.
 */
export const slowness = Math.max(1, Number(process.env.TEST_SLOWNESS) || 1)

/** Polls until `ask` returns a value. Throws after `timeoutMs`, multiplied by the slowness of this machine. */
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
