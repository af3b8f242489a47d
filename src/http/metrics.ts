import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Deps } from '../deps.ts'
import { oldestUnsent } from '../mail/backlog.ts'
import { Emails } from '../mail/entity.ts'
import { createServer } from './node-http.ts'

const plain = { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' }

/**
 * Serves `/metrics` on a port of its own, for Prometheus and nobody else. Returns null where `METRICS_PORT` is unset.
 */
export const serveMetrics = async (
  deps: Pick<Deps, 'config' | 'database' | 'log' | 'metrics'>,
): Promise<({ port: number } & AsyncDisposable) | null> => {
  const { config, database, metrics } = deps
  if (config.METRICS_PORT === undefined) return null
  metrics.gauge('mails_unsent', () => database.getRepository(Emails).countBy({ status: 'queued' }))
  metrics.gauge('oldest_unsent_mail_seconds', () => oldestUnsent(database))
  metrics.gauge('mails_failed', () => database.getRepository(Emails).countBy({ status: 'failed' }))

  const server = createServer(async (request, reply) => {
    if (request.method !== 'GET' || request.url !== '/metrics') return reply.writeHead(404, plain).end()
    const text = await metrics.text().catch(() => null)
    if (text === null) return reply.writeHead(500, plain).end()
    return reply.writeHead(200, { ...plain, 'Content-Type': metrics.contentType }).end(text)
  })
  server.listen(config.METRICS_PORT, config.HOST)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
