import { AggregatorRegistry } from 'prom-client'
import type { Report } from './metrics.ts'

// The metrics of several processes as one text. Prometheus treats a counter that falls as restarted and would count all of
// it again. So the total keeps the counters of processes that have ended.

/** `number` (from 1) belongs to a process and to its replacement. */
export type NumberedReport = { number: number; report: Report }

const isOurs = ({ name }: Report[number]): boolean => name.startsWith('latchkey_')

/** The metrics of a process that stay valid after it has ended, or while it does not answer: its counters. */
export const countersOf = (report: Report): Report =>
  report.filter(metric => isOurs(metric) && String(metric.type) !== 'gauge')

// Metrics of Node, such as memory and event loop lag, mean nothing as a sum. They get the number of their process.
const labelled = ({ number, report }: NumberedReport): Report =>
  report.map(metric =>
    isOurs(metric)
      ? metric
      : {
          ...metric,
          aggregator: 'first',
          values: metric.values.map(value => ({ ...value, labels: { ...value.labels, process: number } })),
        },
  )

const aggregate = (reports: Report[]) => AggregatorRegistry.aggregate(reports)

/** Adds the counters of a process that has ended to a total. */
export const addCounters = (total: Report, report: Report): Promise<Report> =>
  aggregate([total, countersOf(report)]).getMetricsAsJSON()

/** The text format of Prometheus. `ended` holds the counters of the processes that have ended. */
export const aggregateText = (reports: NumberedReport[], ended: Report): Promise<string> =>
  aggregate([...reports.map(labelled), ended]).metrics()

export const aggregateContentType = AggregatorRegistry.PROMETHEUS_CONTENT_TYPE
