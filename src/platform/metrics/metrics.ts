import type { MetricObjectWithValues, MetricValue } from 'prom-client'
import { require } from '../base/lazy-require.ts'
import { type Counter, type Gauge, type Metrics, requestSeconds } from '../catalog/metrics.ts'

/** The metrics of one process, for the process that aggregates them. */
export type Report = MetricObjectWithValues<MetricValue<string>>[]

export type OpenMetrics = Metrics & {
  /** Registers how to read a gauge. A gauge whose read fails is left out. */
  gauge: (gauge: Gauge, read: () => number | Promise<number>) => void
  /** All metrics in the text format of Prometheus. */
  text: () => Promise<string>
  report: () => Promise<Report>
  contentType: string
}

const disabled: OpenMetrics = {
  count: () => {},
  timed: () => {},
  gauge: () => {},
  text: async () => '',
  report: async () => [],
  contentType: 'text/plain',
}

/** Counts in this process. Does nothing, and loads no library, if no metrics are served. A scrape shows each of `counters`. */
export const openMetrics = (isEnabled: boolean, counters: readonly Counter[]): OpenMetrics => {
  if (!isEnabled) return disabled
  const prometheus: typeof import('prom-client') = require('prom-client')
  const registry = new prometheus.Registry()
  const registers = [registry]
  prometheus.collectDefaultMetrics({ register: registry })
  const byName = new Map(
    counters.map(({ name, help, labels }) => [
      name,
      new prometheus.Counter({ name: `latchkey_${name}_total`, help, labelNames: [...labels], registers }),
    ]),
  )
  const times = new prometheus.Histogram({
    name: `latchkey_${requestSeconds.name}`,
    help: requestSeconds.help,
    labelNames: [...requestSeconds.labels],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers,
  })
  return {
    count: ({ name }, ...[labels]) => (labels ? byName.get(name)?.inc(labels) : byName.get(name)?.inc()),
    timed: (route, seconds) => times.observe({ route }, seconds),
    gauge: ({ name, help, across }, read) => {
      new prometheus.Gauge({
        name: `latchkey_${name}`,
        help,
        aggregator: across,
        registers,
        async collect() {
          this.remove()
          const value = await Promise.resolve(read()).catch(() => null)
          if (value !== null) this.set(value)
        },
      })
    },
    text: () => registry.metrics(),
    report: () => registry.getMetricsAsJSON(),
    contentType: registry.contentType,
  }
}
