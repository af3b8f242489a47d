import type { Duplex } from 'node:stream'

/** Counts the writes to a stream from now on, each of one or of several chunks. */
export const countWrites = (stream: Duplex): (() => number) => {
  let writes = 0
  for (const method of ['_write', '_writev'] as const) {
    const write = stream[method]?.bind(stream) as (...args: unknown[]) => void
    stream[method] = (...args: unknown[]) => {
      writes++
      write(...args)
    }
  }
  return () => writes
}
