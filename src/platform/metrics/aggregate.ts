import { AggregatorRegistry } from 'prom-client'
import type { Report } from './metrics.ts'

// What several processes have counted, as one text. Prometheus takes a counter that falls for one that began anew, and
// would count all of it again: so what an ended process has counted stays in the sum.

/** `number` (from 1) is that of a process and of whoever takes its place. */
export type NumberedReport = { number: number; report: Report }

const isOurs = ({ name }: Report[number]): boolean => name.startsWith('latchkey_')

/** What stays true of a process when it has ended, or does not answer: its counters. */
export const lasting = (report: Report): Report =>
  report.filter(metric => isOurs(metric) && String(metric.type) !== 'gauge')

// Memory, event loop and the like are of one process each and would say nothing as a sum.
const numbered = ({ number, report }: NumberedReport): Report =>
  report.map(metric =>
    isOurs(metric)
      ? metric
      : {
          ...metric,
          aggregator: 'first',
          values: metric.values.map(value => ({ ...value, labels: { ...value.labels, process: number } })),
        },
  )

const add = (reports: Report[]) => AggregatorRegistry.aggregate(reports)

/** Adds the counters of one that has ended to those of others. */
export const addLasting = (sum: Report, report: Report): Promise<Report> =>
  add([sum, lasting(report)]).getMetricsAsJSON()

/** Everything, in the text format of Prometheus: `ended` is what those that have ended left. */
export const sumText = (reports: NumberedReport[], ended: Report): Promise<string> =>
  add([...reports.map(numbered), ended]).metrics()

export const sumContentType = AggregatorRegistry.PROMETHEUS_CONTENT_TYPE
