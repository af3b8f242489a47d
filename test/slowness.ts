import { performance } from 'node:perf_hooks'
import { compareSync, hashSync } from 'bcrypt'

/** The milliseconds of one comparison on an idle machine with two cores, for which the test timeouts were chosen. */
const expectedMs = 13
const cost = 8
const samples = 5
const maxSlowness = 6

/** How many times slower this machine is, under its current load: 1 to 6. */
export const measureSlowness = (): number => {
  const hash = hashSync('a password', cost)
  const times = Array.from({ length: samples }, () => {
    const began = performance.now()
    compareSync('a password', hash)
    return performance.now() - began
  }).sort((a, b) => a - b)
  const middle = times[Math.floor(samples / 2)] ?? expectedMs
  return Math.min(maxSlowness, Math.max(1, Math.round((10 * middle) / expectedMs) / 10))
}
