import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Deps } from '../../deps.ts'
import { authorize } from '../../features/sessions/authorize.ts'
import { loadRoutes, problems, scopes } from '../../modules.ts'
import { docAssets } from '../../platform/api-docs/docs.ts'
import { createApp } from '../../platform/http/app.ts'
import { problemAssets } from '../../platform/pages/problem-pages.ts'
import { exitWithError } from '../shutdown.ts'
import { loadFirstRoutes, loadLateRoutes } from './load-routes.ts'

/** How long after the start the late routes are loaded. A request for one of them loads them at once. */
const lateRoutesAfterMs = 200

/** How long load balancers get to notice that this process is draining. */
export const drainGraceMs = 3000

/** How long requests in progress may take to finish. */
const drainTimeoutMs = 30_000

/** How long the process may take to end: it closes its connections to the stores after the last request. */
export const endTimeoutMs = drainGraceMs + drainTimeoutMs + 5000

export type Api = {
  port: number
  /** `quietly`: other processes still serve this port, so `/readyz` does not say `draining` to load balancers. */
  close: (options?: { quietly: boolean }) => Promise<void>
}

/**
 * Serves the API on the configured address. Closing accepts requests for another `graceMs` while `/readyz` says
 * `draining`, so that load balancers choose another server, and then lets the requests in progress finish.
 */
export const startApi = async (deps: Deps, { graceMs }: { graceMs: number }): Promise<Api> => {
  let closing: Promise<void> | null = null
  let draining = false
  const context = { draining: () => draining, closing: () => closing !== null, config: deps.config }
  const routes = await loadFirstRoutes(context)
  const describe = async () => ({ routes: await loadRoutes(context), problems, scopes })
  const assets = {
    ...docAssets(describe, deps.config.PUBLIC_URL),
    ...problemAssets(deps.theme, problems),
  }
  const served = { routes, loadLate: () => loadLateRoutes(context), assets, authorize }
  const { server, addLateRoutes } = await createApp(deps, served, context.closing)
  server.listen(deps.config.PORT, deps.config.HOST)
  await once(server, 'listening')
  const timer = setTimeout(
    () => addLateRoutes().catch(err => exitWithError(deps.log, err)),
    lateRoutesAfterMs,
  )
  const close = async ({ quietly } = { quietly: false }): Promise<void> => {
    draining ||= !quietly
    clearTimeout(timer)
    closing ??= sleep(graceMs).then(() => drain(server))
    await closing
  }
  return { port: (server.address() as AddressInfo).port, close }
}

const drain = async (server: Server): Promise<void> => {
  const closed = once(server, 'close')
  server.close()
  const timer = setTimeout(() => server.closeAllConnections(), drainTimeoutMs)
  await closed
  clearTimeout(timer)
}
