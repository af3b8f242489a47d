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

/** Everything that one process has counted, for another that adds it up. */
export type Report = MetricObjectWithValues<MetricValue<string>>[]

export type OpenMetrics = Metrics & {
  /** Says where a gauge is read from. One that cannot be read is left out. */
  gauge: (name: GaugeName, read: () => number | Promise<number>) => void
  /** Everything, in the text format of Prometheus. */
  text: () => Promise<string>
  report: () => Promise<Report>
  contentType: string
}

const nowhere: OpenMetrics = {
  count: () => {},
  timed: () => {},
  gauge: () => {},
  text: async () => '',
  report: async () => [],
  contentType: 'text/plain',
}

/** Counts in this process; does nothing where nobody is to look. */
export const openMetrics = (wanted: boolean): OpenMetrics => {
  if (!wanted) return nowhere
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
