import type { World } from '../../world.ts'

const minute = 60_000
let shift = 0

/** Moves the clock of the service by 16 minutes, so that every access token has expired. */
export const expireTokens = (world: World): Promise<void> => {
  shift += 16 * minute
  return world.travel(shift)
}

/** Sets the clock of the device ahead, or behind by a negative number of milliseconds, until disposed. */
export const shiftDeviceClock = (milliseconds: number): Disposable => {
  const { now } = Date
  Date.now = () => now() + milliseconds
  return {
    [Symbol.dispose]: () => {
      Date.now = now
    },
  }
}
