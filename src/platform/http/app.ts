import { randomUUID } from 'node:crypto'
import Koa, { type Context, type Next } from 'koa'
import type { Deps } from '../../deps.ts'
import { basePath } from '../base/base-path.ts'
import { storeOf } from '../base/store-errors.ts'
import { counters } from '../catalog/metrics.ts'
import { behindProxy } from './client.ts'
import { crossOrigin, securityHeaders } from './headers.ts'
import { closeStalledReaders, createServer, type Server } from './node-http.ts'
import { clientErrorHandlers } from './on-client-error.ts'
import { problemOf } from './problem-json.ts'
import { proxyRouting } from './proxy-routing.ts'
import { checkHead, handleExpectHeader } from './request-head.ts'
import { routing, type Served } from './routing.ts'
import { sendProblem } from './send-problem.ts'
import { warnOfUntrustedProxy } from './untrusted-proxy.ts'

/** The HTTP server: from the outermost step in, a log line, an error boundary, headers and the routes. */
export const createApp = (deps: Deps, served: Served, draining: () => boolean): Server => {
  const app = new Koa()
  app.silent = true
  app.use(requestLog(deps))
  app.use(closeWhileDraining(draining))
  app.use(errorBoundary(deps))
  app.use(securityHeaders())
  app.use(checkHead)
  app.use(proxyRouting(deps, served))
  app.use(crossOrigin(deps.config.CORS_ORIGINS))
  for (const step of routing(deps, served)) app.use(step)
  const server = createServer(
    // These timeouts end the connection of a client that sends its request too slowly (slowloris attack).
    {
      // `checkHead` rejects a request without a host: the reply of Node would have no body and none of our headers.
      requireHostHeader: false,
      headersTimeout: 6000,
      requestTimeout: 8000,
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: 65_000,
    },
    app.callback(),
  )
  const { onClientError, onConnect } = clientErrorHandlers(basePath(deps.config.PUBLIC_URL))
  return handleExpectHeader(closeStalledReaders(server))
    .on('clientError', onClientError)
    .on('connect', onConnect)
}

const requestIdShape = /^[\w-]{8,64}$/

const requestLog = ({ log, config, metrics }: Deps) => {
  const base = basePath(config.PUBLIC_URL)
  const watchProxies = warnOfUntrustedProxy({ log, config })
  // Without redaction, as it costs three times as much as the line itself, and this line has only the fields named below.
  const lines = log.child({}, { redact: [] })
  return async (ctx: Context, next: Next): Promise<void> => {
    const startedAt = performance.now()
    watchProxies(ctx.req)
    const sentId = behindProxy(ctx.req, config.TRUSTED_PROXIES) ? ctx.get('X-Request-Id') : ''
    const requestId = requestIdShape.test(sentId) ? sentId : randomUUID()
    ctx.state.requestId = requestId
    ctx.state.base = base
    ctx.state.log = log.child({ request_id: requestId })
    ctx.set('X-Request-Id', requestId)
    await next()
    const durationMs = performance.now() - startedAt
    const { method, status, _matchedRoute } = ctx as Context & { _matchedRoute?: string }
    const route: string | undefined = ctx.state.route ?? _matchedRoute
    const ms = Math.round(durationMs * 10) / 10
    lines.info({ request_id: requestId, method, route: route ?? null, status, ms }, 'request')
    // Without a route, the method could be any text of the client, and each would create a time series.
    const labels = { method: route ? method : '', route: route ?? '' }
    metrics.count(counters.http_requests, { ...labels, status: String(status) })
    metrics.timed(labels.route, durationMs / 1000)
  }
}

// A client that keeps its connection to a draining process would lose its next request.
const closeWhileDraining = (draining: () => boolean) => async (ctx: Context, next: Next) => {
  await next()
  if (draining()) ctx.set('Connection', 'close')
}

const errorBoundary =
  ({ metrics }: Deps) =>
  async (ctx: Context, next: Next): Promise<void> => {
    try {
      await next()
    } catch (error) {
      const problem = problemOf(error)
      if (problem.code === 'INTERNAL_ERROR') ctx.state.log.error({ err: error }, 'request failed')
      if (problem.code === 'SERVICE_UNAVAILABLE') {
        const store = storeOf(error)
        metrics.count(counters.faults, { store })
        ctx.state.log.warn({ err: error, store }, 'request met a fault')
      }
      sendProblem(ctx, problem)
    }
  }
