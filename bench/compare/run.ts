import type { ClosedLoopResult } from './closed-loop.ts'
import type { Load } from './load.ts'
import type { Stores } from './stores.ts'
import type { Table } from './tables.ts'
import type { Target } from './target.ts'

/** The input of every part of the benchmark. Times in milliseconds. */
export type Run = {
  stores: Stores
  load: Load
  targets: Target[]
  quick: boolean
  rounds: number
  /** How long one round measures. */
  measure: number
  quality: Quality
}

/** How many measurements there were, how many were discarded and repeated, and how many were kept although disturbed. */
export type Quality = { measurements: number; discarded: number; disturbed: number }

/** A line of the budget. `held` is null if it was not measured. */
export type Budget = { line: string; wanted: string; measured: string; held: boolean | null }

/** The description of the figures of a part. `bars` go into the chart, in microseconds a request. */
export type Section = {
  title: string
  note: string
  table: Table
  budgets: Budget[]
  bars?: { name: string; cpu: number }[]
}

/** A part of the benchmark: which services it needs, its figures, and how they are described. */
export type Part<Figures> = {
  needs: readonly string[]
  measure: (run: Run) => Promise<Figures>
  describe: (figures: Figures) => Section
}

/** One service, or one way to run it, with the results of its rounds. */
export type Row<Result = ClosedLoopResult> = { name: string; rounds: Result[] }

/** Requests before the measurement, which run code that is not compiled yet. In milliseconds. */
export const warmUp = ({ quick }: Run, round: number): number =>
  round === 0 ? (quick ? 1200 : 3000) : quick ? 300 : 700

export const targetOf = (run: Run, name: string): Target => {
  const found = run.targets.find(each => each.name === name)
  if (!found) throw new Error(`${name} is not measured`)
  return found
}

export const targetsOf = (run: Run, wanted: readonly string[]): Target[] =>
  run.targets.filter(({ name }) => wanted.includes(name))
