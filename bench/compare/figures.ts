import { median } from '../statistics.ts'
import type { ClosedLoopResult } from './closed-loop.ts'
import type { Table } from './run.ts'

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

/** The ratio of requests a second, and of requests by the same CPU time. */
export const compared = (
  rounds: readonly ClosedLoopResult[],
  reference: readonly ClosedLoopResult[],
): { rate: number; cpu: number } => ({
  rate: pairedRatio(of(rounds, 'rate'), of(reference, 'rate')),
  cpu: pairedRatio(of(reference, 'cpu'), of(rounds, 'cpu')),
})

/** One row for each service, compared with the first. `isLong`: a request takes milliseconds of CPU. */
export const closedLoopTable = (
  all: { name: string; rounds: ClosedLoopResult[] }[],
  { isLong = false }: { isLong?: boolean } = {},
): Table => {
  const reference = all[0]?.rounds ?? []
  const refusals = all.some(({ rounds }) => rounds.some(({ refused }) => refused > 0))
  return {
    head: [
      ...[
        '',
        'req/s',
        'spread',
        'req/s, ratio',
        `CPU ${isLong ? 'ms' : 'µs'}/req`,
        'spread',
        'per CPU, ratio',
      ],
      ...['p50 ms', 'p99 ms', ...(refusals ? ['refused'] : [])],
    ],
    rows: all.map(({ name, rounds }) => {
      const ratio = compared(rounds, reference)
      const cpu = of(rounds, 'cpu').map(each => (isLong ? each / 1000 : each))
      const refused = of(rounds, 'refused').reduce((sum, each) => sum + each, 0)
      return [
        ...[name, shown(median(of(rounds, 'rate'))), spread(of(rounds, 'rate')), times(ratio.rate)],
        ...[shown(median(cpu)), spread(cpu), times(ratio.cpu)],
        ...[shown(median(of(rounds, 'p50'))), shown(median(of(rounds, 'p99')))],
        ...(refusals ? [String(refused)] : []),
      ]
    }),
  }
}

/** Both ratios must hold: other work on the machine distorts one of them more than the other. */
export const ratioBudget = (
  line: string,
  wanted: number,
  ratio: { rate: number; cpu: number },
): { line: string; wanted: string; measured: string; held: boolean } => ({
  ...{ line, wanted: `≥ ${times(wanted)}` },
  measured: `${times(ratio.rate)} by rate, ${times(ratio.cpu)} by CPU`,
  held: ratio.rate >= wanted && ratio.cpu >= wanted,
})
