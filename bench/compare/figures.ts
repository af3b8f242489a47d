import { median } from '../statistics.ts'
import type { ClosedLoopResult } from './closed-loop.ts'
import type { Budget, Row } from './run.ts'
import type { Table } from './tables.ts'

// Formats figures for readers.

/** Three significant digits, or more for large numbers. */
export const shown = (value: number): string => {
  if (!Number.isFinite(value)) return '–'
  if (value >= 1000) return Math.round(value).toLocaleString('en')
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

export const times = (value: number): string => (Number.isFinite(value) ? `${value.toFixed(2)} ×` : '–')

export const spread = (values: readonly number[]): string =>
  values.length < 2 || values.some(Number.isNaN)
    ? '–'
    : `${shown(Math.min(...values))}–${shown(Math.max(...values))}`

/** The median of the ratios of two measurements in the same round. */
export const pairedRatio = (values: readonly number[], reference: readonly number[]): number =>
  median(values.map((value, at) => value / (reference[at] ?? Number.NaN)))

export const of = <K extends keyof ClosedLoopResult>(
  rounds: readonly ClosedLoopResult[],
  key: K,
): ClosedLoopResult[K][] => rounds.map(round => round[key])

export const roundsOf = <R>(rows: readonly Row<R>[], name: string): R[] =>
  rows.find(each => each.name === name)?.rounds ?? []

/** The ratio of requests by the same CPU time of the service, and of requests a second. */
const compared = (
  rounds: readonly ClosedLoopResult[],
  reference: readonly ClosedLoopResult[],
): { cpu: number; rate: number } => ({
  cpu: pairedRatio(of(reference, 'cpu'), of(rounds, 'cpu')),
  rate: pairedRatio(of(rounds, 'rate'), of(reference, 'rate')),
})

const valueCells = (values: number[]): string[] => [shown(median(values)), spread(values)]

/** One row for each service, compared with the first. `isLong`: a request takes milliseconds of CPU. */
export const closedLoopTable = (rows: Row[], { isLong = false }: { isLong?: boolean } = {}): Table => {
  const reference = rows[0]?.rounds ?? []
  const refusals = rows.some(({ rounds }) => rounds.some(({ refused }) => refused > 0))
  const unit = isLong ? 'ms' : 'µs'
  return {
    head: [
      ...['', `CPU ${unit}/req`, 'spread', 'ratio by CPU', `Redis ${unit}/req`, `Postgres ${unit}/req`],
      ...['req/s', 'spread', 'ratio by rate', 'p50 ms', 'p99 ms', ...(refusals ? ['refused'] : [])],
    ],
    rows: rows.map(({ name, rounds }) => {
      const ratio = compared(rounds, reference)
      const cpu = (key: 'cpu' | 'redis' | 'postgres') =>
        of(rounds, key).map(each => (isLong ? each / 1000 : each))
      const refused = of(rounds, 'refused').reduce((sum, each) => sum + each, 0)
      return [
        ...[name, ...valueCells(cpu('cpu')), times(ratio.cpu)],
        ...[shown(median(cpu('redis'))), shown(median(cpu('postgres')))],
        ...[...valueCells(of(rounds, 'rate')), times(ratio.rate)],
        ...[shown(median(of(rounds, 'p50'))), shown(median(of(rounds, 'p99')))],
        ...(refusals ? [String(refused)] : []),
      ]
    }),
  }
}

/** CPU time decides. Client and stores share the cores with the service, so a rate depends on more than the service. */
export const ratioBudget = (line: string, wanted: number, ratio: { cpu: number; rate: number }): Budget => ({
  ...{ line, wanted: `≥ ${times(wanted)}` },
  measured: `${times(ratio.cpu)} by CPU, ${times(ratio.rate)} by rate`,
  held: Number.isNaN(ratio.cpu) ? null : ratio.cpu >= wanted,
})

/** Compares two rows by CPU time. */
export const rowBudget = (
  rows: readonly Row[],
  { line, own, peer, wanted }: { line: string; own: string; peer: string; wanted: number },
): Budget => ratioBudget(line, wanted, compared(roundsOf(rows, own), roundsOf(rows, peer)))

export const mostBudget = (line: string, most: number, value: number, show: (value: number) => string) => ({
  ...{ line, wanted: `≤ ${show(most)}`, measured: show(value) },
  held: Number.isNaN(value) ? null : value <= most,
})

/** The bars of the chart. */
export const barsOf = (rows: readonly Row[]): { name: string; cpu: number }[] =>
  rows.map(({ name, rounds }) => ({ name, cpu: median(of(rounds, 'cpu')) }))
