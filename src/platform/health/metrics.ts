import type { Deps } from '../../deps.ts'
import { gauges } from '../catalog/metrics.ts'
import { oldestUnsent } from '../mail/backlog.ts'
import { Emails } from '../mail/entity.ts'
import { queueFault } from '../mail/queue-state.ts'
import { listenForMetrics, type MetricsListener } from './metrics-listener.ts'

type Stores = Pick<Deps, 'database' | 'reads' | 'metrics' | 'redis' | 'keys' | 'queue'>

/** Adds gauges whose values are read from Postgres and Redis to the metrics of this process. */
export const addStoreGauges = (deps: Stores): void => {
  const { database, reads, metrics } = deps
  metrics.gauge(gauges.mail_queue_down, () =>
    queueFault(deps).then(
      fault => Number(fault !== null),
      () => 1,
    ),
  )
  metrics.gauge(gauges.mails_unsent, () => database.getRepository(Emails).countBy({ status: 'queued' }))
  metrics.gauge(gauges.oldest_unsent_mail_seconds, () => oldestUnsent(reads))
  metrics.gauge(gauges.mails_failed, () => database.getRepository(Emails).countBy({ status: 'failed' }))
}

/** Serves the metrics of this process. Returns null if `METRICS_PORT` is unset. */
export const serveMetrics = async (deps: Stores & Pick<Deps, 'config'>): Promise<MetricsListener | null> => {
  addStoreGauges(deps)
  return listenForMetrics(deps.config, deps.metrics)
}
