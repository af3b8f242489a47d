import { performance } from 'node:perf_hooks'
import { compareSync, hashSync } from 'bcrypt'

/** How long one comparison takes on the quiet machine of two cores that the tests' time-outs were made for. */
const expected = 13
const cost = 8
const samples = 5
const atMost = 6

/** How many times longer this machine takes than that one, with whatever else it is doing now: 1 to 6. */
export const measureSlowness = (): number => {
  const hash = hashSync('a password', cost)
  const times = Array.from({ length: samples }, () => {
    const began = performance.now()
    compareSync('a password', hash)
    return performance.now() - began
  }).sort((a, b) => a - b)
  const middle = times[Math.floor(samples / 2)] ?? expected
  return Math.min(atMost, Math.max(1, Math.round((10 * middle) / expected) / 10))
}
