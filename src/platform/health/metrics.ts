import type { Deps } from '../../deps.ts'
import { gauges } from '../catalog/metrics.ts'
import { oldestUnsent } from '../mail/backlog.ts'
import { Emails } from '../mail/entity.ts'
import { queueFault } from '../mail/queue-state.ts'
import { listenForMetrics, type MetricsListener } from './metrics-listener.ts'

/** Adds what the stores say to what this process counts. */
type Stores = Pick<Deps, 'database' | 'reads' | 'metrics' | 'redis' | 'keys' | 'queue'>

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

/** Serves the metrics of this process. Returns null where `METRICS_PORT` is unset. */
export const serveMetrics = async (deps: Stores & Pick<Deps, 'config'>): Promise<MetricsListener | null> => {
  addStoreGauges(deps)
  return listenForMetrics(deps.config, deps.metrics)
}
