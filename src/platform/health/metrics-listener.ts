import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Config } from '../config/config.ts'
import { closeStalledReaders, createServer } from '../http/node-http.ts'

const plain = { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' }

export type MetricsListener = { port: number } & AsyncDisposable

type Source = { text: () => Promise<string>; contentType: string }

/**
 * Serves `/metrics` on a port of its own, for Prometheus and nobody else. Returns null where `METRICS_PORT` is unset.
 */
export const listenForMetrics = async (
  { METRICS_PORT: wanted, METRICS_HOST: host }: Pick<Config, 'METRICS_PORT' | 'METRICS_HOST'>,
  { text: ask, contentType }: Source,
): Promise<MetricsListener | null> => {
  if (wanted === undefined) return null
  const server = createServer(async (request, reply) => {
    if (request.method !== 'GET' || request.url !== '/metrics') return reply.writeHead(404, plain).end()
    const text = await ask().catch(() => null)
    if (text === null) return reply.writeHead(500, plain).end()
    return reply.writeHead(200, { ...plain, 'Content-Type': contentType }).end(text)
  })
  closeStalledReaders(server)
  server.listen(wanted, host)
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
