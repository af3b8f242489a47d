/**
 * The lane in which a job waits for a hash thread. `next` is for a request that has waited for a comparison already: it
 * goes first. `known` is for a device that the account knows, an open session or an emailed token. `unknown` is for every
 * other request, such as a registration or a sign-in on a new device.
 */
export type Lane = 'next' | 'known' | 'unknown'

/** Turns of `known` for each turn of `unknown`, while both wait. */
const knownTurns = 3

/**
 * A queue of three lanes. `known` and `unknown` hold `maxPerLane` jobs each, so a flood in one lane leaves the other free.
 * They take turns, so neither starves. `next` has no limit, as each of its requests was in another lane before.
 */
export const openHashQueue = <T>(maxPerLane: number) => {
  const lanes: Record<Lane, T[]> = { next: [], known: [], unknown: [] }
  let turns = 0

  const nextLane = (): Lane => {
    if (lanes.next.length > 0) return 'next'
    if (lanes.known.length === 0 || lanes.unknown.length === 0) {
      turns = 0
      return lanes.known.length > 0 ? 'known' : 'unknown'
    }
    turns = (turns + 1) % (knownTurns + 1)
    return turns === 0 ? 'unknown' : 'known'
  }

  return {
    isFull: (lane: Lane): boolean => lane !== 'next' && lanes[lane].length >= maxPerLane,
    add: (entry: T, lane: Lane): void => {
      lanes[lane].push(entry)
    },
    /** Removes and returns the next job. */
    take: (): T | undefined => lanes[nextLane()].shift(),
    /** Returns whether the job still waited. */
    remove: (entry: T): boolean =>
      Object.values(lanes).some(lane => {
        const at = lane.indexOf(entry)
        if (at >= 0) lane.splice(at, 1)
        return at >= 0
      }),
    length: (): number => Object.values(lanes).reduce((sum, lane) => sum + lane.length, 0),
  }
}
