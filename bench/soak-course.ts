import { setTimeout as sleep } from 'node:timers/promises'
import { type Fault, faults } from './soak-faults.ts'
import { grace, type Struck } from './soak-promises.ts'
import type { Place } from './soak-strikes.ts'
import type { Tally } from './soak-tally.ts'

// One fault after the other, spread evenly over the course, each healed and given time before the next.

const lead = 15_000
/** Less would not tell whose a failure is. */
const quietAtLeast = grace + 3000

export type Course = {
  struck: Struck[]
  /** Whether a fault holds, or is about to strike. */
  near: () => boolean
  run: (place: Place, signal: AbortSignal) => Promise<void>
}

/** The faults by these names, separated by commas, or all of them. Throws for a name that is none. */
export const chosen = (names: string | undefined): Fault[] => {
  const wanted = names?.split(',')
  const unknown = wanted?.filter(name => !faults.some(fault => fault.name === name)) ?? []
  if (unknown.length > 0)
    throw new Error(
      `no such fault: ${unknown.join(', ')}; there are ${faults.map(({ name }) => name).join(', ')}`,
    )
  return faults.filter(({ name }) => wanted?.includes(name) ?? true)
}

/** In a course that is too short for them faults hold for less long; a far too short one takes longer. */
export const openCourse = (list: Fault[], milliseconds: number, tally: Tally): Course => {
  const held = list.reduce((sum, { seconds }) => sum + seconds * 1000, 0)
  const room = milliseconds - lead - list.length * quietAtLeast
  const scale = Math.min(1, Math.max(0.2, room / held))
  const quiet = Math.max(quietAtLeast, (milliseconds - lead - held * scale) / Math.max(1, list.length))
  const struck: Struck[] = []
  let next = 0
  let striking = false
  return {
    struck,
    near: () => striking || (next > 0 && next - tally.now() < 3000),
    run: async (place, signal) => {
      next = tally.now() + lead
      await sleep(lead, null, { signal })
      for (const { title, seconds, unfelt = false, strike } of list) {
        striking = true
        const began = tally.now()
        process.stderr.write(`${(began / 1000).toFixed(1)} s  ${title}\n`)
        const milliseconds = Math.round(seconds * scale * 1000)
        const hold = async () => void (await sleep(milliseconds, null, { signal }))
        await strike(place, Object.assign(hold, { milliseconds }))
        const healed = tally.now()
        struck.push({ title, unfelt, began, healed })
        striking = false
        next = tally.now() + quiet
        await sleep(quiet, null, { signal })
      }
      next = 0
    },
  }
}
