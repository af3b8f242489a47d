import type { Deps } from '../deps.ts'
import { oldestUnsent } from '../mail/backlog.ts'
import { Emails } from '../mail/entity.ts'
import { listenForMetrics, type MetricsListener } from './metrics-listener.ts'

/** Adds what the stores say to what this process counts. */
export const addStoreGauges = ({ database, metrics }: Pick<Deps, 'database' | 'metrics'>): void => {
  metrics.gauge('mails_unsent', () => database.getRepository(Emails).countBy({ status: 'queued' }))
  metrics.gauge('oldest_unsent_mail_seconds', () => oldestUnsent(database))
  metrics.gauge('mails_failed', () => database.getRepository(Emails).countBy({ status: 'failed' }))
}

/** Serves the metrics of this process. Returns null where `METRICS_PORT` is unset. */
export const serveMetrics = async (
  deps: Pick<Deps, 'config' | 'database' | 'metrics'>,
): Promise<MetricsListener | null> => {
  addStoreGauges(deps)
  return listenForMetrics(deps.config, deps.metrics)
}
