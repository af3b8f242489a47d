import { availableParallelism } from 'node:os'

/** How many hash threads each process opens, for about one per core of the machine. More would only take turns. */
export const hashThreads = (processes: number, cores = availableParallelism()): number =>
  Math.max(1, Math.round(cores / processes))
