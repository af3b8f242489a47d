import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { configOrExit } from './base/config.ts'
import { openLog } from './base/log.ts'
import { closeOnSignal } from './base/shutdown.ts'
import { type Deps, open } from './deps.ts'
import { createApp } from './http/app.ts'
import { serveMetrics } from './http/metrics.ts'
import { routes } from './routes.ts'

/** How long balancers are given to notice, in milliseconds. */
const drainGrace = 3000

/** How long requests in flight may take to finish, in milliseconds. */
const drainPatience = 30_000

export type Api = { port: number; close: () => Promise<void> }

/**
 * Serves the API on the configured address. Closing lets requests in flight finish; for `grace` milliseconds before it
 * goes on taking new ones, so that balancers see `/readyz` say `draining` and turn elsewhere.
 */
export const startApi = async (deps: Deps, { grace }: { grace: number }): Promise<Api> => {
  let draining = false
  const isDraining = () => draining
  const server = createApp(deps, routes(isDraining), isDraining)
  server.listen(deps.config.PORT, deps.config.HOST)
  await once(server, 'listening')
  const close = async (): Promise<void> => {
    draining = true
    await sleep(grace)
    await drain(server)
  }
  return { port: (server.address() as AddressInfo).port, close }
}

const drain = async (server: Server): Promise<void> => {
  const closed = once(server, 'close')
  server.close()
  const timer = setTimeout(() => server.closeAllConnections(), drainPatience)
  await closed
  clearTimeout(timer)
}

if (import.meta.main) {
  const config = configOrExit('api')
  const log = openLog('api', config.LOG_LEVEL)
  try {
    const deps = await open(config, log)
    const metrics = await serveMetrics(deps)
    const api = await startApi(deps, { grace: drainGrace })
    log.info({ port: api.port, url: config.PUBLIC_URL }, 'listening')
    closeOnSignal(log, drainGrace + drainPatience + 5000, async () => {
      await api.close()
      await metrics?.[Symbol.asyncDispose]()
      await deps[Symbol.asyncDispose]()
    })
  } catch (err) {
    log.fatal({ err, reason: err instanceof Error ? err.message : '' }, 'cannot start')
    process.exit(1)
  }
}
