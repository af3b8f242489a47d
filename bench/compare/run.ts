import type { Load } from './load.ts'
import type { Stores } from './stores.ts'
import type { Target } from './target.ts'

/** The input of every part of the bench. Times in milliseconds. */
export type Run = {
  stores: Stores
  load: Load
  targets: Target[]
  quick: boolean
  rounds: number
  /** How long one round measures. */
  measure: number
}

/** Requests before the measurement, which run code that is not compiled yet. In milliseconds. */
export const warmUp = ({ quick }: Run, round: number): number =>
  round === 0 ? (quick ? 1200 : 3000) : quick ? 300 : 700

/** A line of the budget. `held` is null if it was not measured. */
export type Budget = { line: string; wanted: string; measured: string; held: boolean | null }

export type Table = { head: string[]; rows: string[][] }

/** The result of a part of the bench. `bars` go into the chart, in microseconds a request. */
export type Section = {
  title: string
  note: string
  table: Table
  budgets: Budget[]
  bars?: { name: string; cpu: number }[]
}

export const targetOf = (run: Run, name: string): Target => {
  const found = run.targets.find(each => each.name === name)
  if (!found) throw new Error(`${name} is not measured`)
  return found
}

const nameOf = (one: unknown): string => {
  const { name, one: inner } = (one ?? {}) as { name?: string; one?: { name: string } }
  return name ?? inner?.name ?? 'one of them'
}

/**
 * Measures each service in every round. Each round begins with another one, so that other work of the machine and the
 * previous measurement affect all of them alike.
 */
export const interleaved = async <T, R>(
  rounds: number,
  all: readonly T[],
  measure: (one: T, round: number) => Promise<R>,
): Promise<Map<T, R[]>> => {
  const results = new Map<T, R[]>(all.map(one => [one, []]))
  for (let round = 0; round < rounds; round++) {
    const rotated = all.map((_, at) => all[(at + round) % all.length] as T)
    for (const one of rotated) {
      const found = await measure(one, round).catch(cause => {
        throw new Error(`${nameOf(one)}: ${cause instanceof Error ? cause.message : cause}`, { cause })
      })
      results.get(one)?.push(found)
    }
  }
  return results
}
