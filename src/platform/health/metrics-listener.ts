import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Config } from '../config/config.ts'
import { closeStalledReaders, createServer } from '../http/node-http.ts'

const plain = { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' }

export type MetricsListener = { port: number } & AsyncDisposable

type Source = { text: () => Promise<string>; contentType: string }

/**
 * Serves `/metrics` on a port of its own, so that only Prometheus can reach it. Returns null if `METRICS_PORT` is unset.
 */
export const listenForMetrics = async (
  { METRICS_PORT: configuredPort, METRICS_HOST: host }: Pick<Config, 'METRICS_PORT' | 'METRICS_HOST'>,
  { text: collect, contentType }: Source,
): Promise<MetricsListener | null> => {
  if (configuredPort === undefined) return null
  const server = createServer(async (request, reply) => {
    if (request.method !== 'GET' || request.url !== '/metrics') return reply.writeHead(404, plain).end()
    const text = await collect().catch(() => null)
    if (text === null) return reply.writeHead(500, plain).end()
    return reply.writeHead(200, { ...plain, 'Content-Type': contentType }).end(text)
  })
  closeStalledReaders(server)
  server.listen(configuredPort, host)
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
