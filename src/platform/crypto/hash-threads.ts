import { availableParallelism } from 'node:os'

/**
 * How many hash threads each of as many processes opens, so that the machine has about one a core: more would only take
 * turns.
 */
export const hashThreads = (processes: number, cores = availableParallelism()): number =>
  Math.max(1, Math.round(cores / processes))
