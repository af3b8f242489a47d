import type { Counter, MetricObjectWithValues, MetricValue } from 'prom-client'
import { require } from '../base/lazy-require.ts'
import {
  type CounterName,
  counters,
  type GaugeName,
  gauges,
  histograms,
  type Metrics,
} from '../catalog/metrics.ts'

/** The metrics of one process, for the process that aggregates them. */
export type Report = MetricObjectWithValues<MetricValue<string>>[]

export type OpenMetrics = Metrics & {
  /** Registers how to read a gauge. A gauge whose read fails is left out. */
  gauge: (name: GaugeName, read: () => number | Promise<number>) => void
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

/** Counts in this process. Does nothing, and loads no library, if no metrics are served. */
export const openMetrics = (isEnabled: boolean): OpenMetrics => {
  if (!isEnabled) return disabled
  const prometheus: typeof import('prom-client') = require('prom-client')
  const registry = new prometheus.Registry()
  prometheus.collectDefaultMetrics({ register: registry })
  const made = Object.fromEntries(
    Object.entries(counters).map(([name, { help, labels }]) => [
      name,
      new prometheus.Counter({
        name: `latchkey_${name}_total`,
        help,
        labelNames: [...labels],
        registers: [registry],
      }),
    ]),
  ) as Record<string, Counter> as Record<CounterName, Counter>
  const times = new prometheus.Histogram({
    name: 'latchkey_http_request_seconds',
    help: histograms.http_request_seconds.help,
    labelNames: [...histograms.http_request_seconds.labels],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [registry],
  })
  return {
    count: (name, ...[labels]) => (labels ? made[name].inc(labels) : made[name].inc()),
    timed: (route, seconds) => times.observe({ route }, seconds),
    gauge: (name, read) => {
      new prometheus.Gauge({
        name: `latchkey_${name}`,
        help: gauges[name].help,
        aggregator: gauges[name].across,
        registers: [registry],
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
