/**
 * Who waits for a hash thread. `next` has waited for a comparison already and goes first. `known` is somebody who has
 * proven something: a device that is known to the account, an open session, a mailed token. `strangers` is everybody
 * else: who registers, or signs in on a new device.
 */
export type Lane = 'next' | 'known' | 'strangers'

/** Turns of `known` for each turn of `strangers`, while both wait. */
const knownTurns = 3

/**
 * A queue of three lanes. `known` and `strangers` hold `most` each, so a flood of one leaves the places of the other
 * free. They take turns, so neither waits for the end of the other. `next` has no end, since each of it was in another
 * lane before.
 */
export const openHashQueue = <T>(most: number) => {
  const lanes: Record<Lane, T[]> = { next: [], known: [], strangers: [] }
  let turns = 0

  const nextLane = (): Lane => {
    if (lanes.next.length > 0) return 'next'
    if (lanes.known.length === 0 || lanes.strangers.length === 0) {
      turns = 0
      return lanes.known.length > 0 ? 'known' : 'strangers'
    }
    turns = (turns + 1) % (knownTurns + 1)
    return turns === 0 ? 'strangers' : 'known'
  }

  return {
    isFull: (lane: Lane): boolean => lane !== 'next' && lanes[lane].length >= most,
    add: (entry: T, lane: Lane): void => {
      lanes[lane].push(entry)
    },
    /** Takes out the one whose turn it is. */
    take: (): T | undefined => lanes[nextLane()].shift(),
    /** Returns whether it still waited. */
    remove: (entry: T): boolean =>
      Object.values(lanes).some(lane => {
        const at = lane.indexOf(entry)
        if (at >= 0) lane.splice(at, 1)
        return at >= 0
      }),
    length: (): number => Object.values(lanes).reduce((sum, lane) => sum + lane.length, 0),
  }
}
