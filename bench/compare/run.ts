import type { Contestant } from './contestant.ts'
import type { Load } from './load.ts'
import type { Stores } from './stores.ts'

/** What every part of the bench is given. Times in milliseconds. */
export type Run = {
  stores: Stores
  load: Load
  contestants: Contestant[]
  quick: boolean
  rounds: number
  /** How long one round measures. */
  measure: number
}

/** The first requests find code that was never run before: that is not what is measured. */
export const warmUp = ({ quick }: Run, round: number): number =>
  round === 0 ? (quick ? 1200 : 3000) : quick ? 300 : 700

/** A line of the budget: `held` null where it was not measured. */
export type Budget = { line: string; wanted: string; measured: string; held: boolean | null }

export type Table = { head: string[]; rows: string[][] }

/** What a part of the bench found. `bars` go into the chart, in microseconds a request. */
export type Section = {
  title: string
  note: string
  table: Table
  budgets: Budget[]
  bars?: { name: string; cpu: number }[]
}

export const contestantOf = (run: Run, name: string): Contestant => {
  const found = run.contestants.find(each => each.name === name)
  if (!found) throw new Error(`${name} does not take part`)
  return found
}

const told = (one: unknown): string => {
  const { name, one: inner } = (one ?? {}) as { name?: string; one?: { name: string } }
  return name ?? inner?.name ?? 'one of them'
}

/**
 * Measures each in every round. Each round begins with another, so that what the machine does at the same time, and who
 * ran just before, falls on all alike.
 */
export const interleaved = async <T, R>(
  rounds: number,
  all: readonly T[],
  measure: (one: T, round: number) => Promise<R>,
): Promise<Map<T, R[]>> => {
  const results = new Map<T, R[]>(all.map(one => [one, []]))
  for (let round = 0; round < rounds; round++) {
    const turned = all.map((_, at) => all[(at + round) % all.length] as T)
    for (const one of turned) {
      const found = await measure(one, round).catch(cause => {
        throw new Error(`${told(one)}: ${cause instanceof Error ? cause.message : cause}`, { cause })
      })
      results.get(one)?.push(found)
    }
  }
  return results
}
