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
import { checkHead, takeExpectations } from './request-head.ts'
import { routing, type Served } from './routing.ts'
import { sendProblem } from './serve.ts'
import { warnOfUntrustedProxy } from './untrusted-proxy.ts'

/** The whole API over HTTP: from outside in, a log line, a safety net, headers, and the routes. */
export const createApp = (deps: Deps, served: Served, draining: () => boolean): Server => {
  const app = new Koa()
  app.silent = true
  app.use(logged(deps))
  app.use(lastOnConnection(draining))
  app.use(caught(deps))
  app.use(securityHeaders())
  app.use(checkHead)
  app.use(crossOrigin(deps.config.CORS_ORIGINS))
  for (const step of routing(deps, served)) app.use(step)
  const server = createServer(
    // A client that drips its request is cut off (slow loris).
    {
      // Node would refuse a request without a host by a bare reply: we do.
      requireHostHeader: false,
      headersTimeout: 6000,
      requestTimeout: 8000,
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: 65_000,
    },
    app.callback(),
  )
  const { onBroken, onConnect } = clientErrorHandlers(basePath(deps.config.PUBLIC_URL))
  return takeExpectations(closeStalledReaders(server)).on('clientError', onBroken).on('connect', onConnect)
}

const requestIdShape = /^[\w-]{8,64}$/

const logged = ({ log, config, metrics }: Deps) => {
  const base = basePath(config.PUBLIC_URL)
  const watchProxies = warnOfUntrustedProxy({ log, config })
  // To look for what is to be blacked out costs three times as much as the line, of which we name every field.
  const lines = log.child({}, { redact: [] })
  return async (ctx: Context, next: Next): Promise<void> => {
    const began = performance.now()
    watchProxies(ctx.req)
    const given = behindProxy(ctx.req, config.TRUSTED_PROXIES) ? ctx.get('X-Request-Id') : ''
    const requestId = requestIdShape.test(given) ? given : randomUUID()
    ctx.state.requestId = requestId
    ctx.state.base = base
    ctx.state.log = log.child({ request_id: requestId })
    ctx.set('X-Request-Id', requestId)
    await next()
    const took = performance.now() - began
    const { method, status, _matchedRoute } = ctx as Context & { _matchedRoute?: string }
    const route: string | undefined = ctx.state.route ?? _matchedRoute
    const ms = Math.round(took * 10) / 10
    lines.info({ request_id: requestId, method, route: route ?? null, status, ms }, 'request')
    // A method that nobody has would be a label that a client wrote.
    const counted = { method: route ? method : '', route: route ?? '' }
    metrics.count(counters.http_requests, { ...counted, status: String(status) })
    metrics.timed(counted.route, took / 1000)
  }
}

// Whoever keeps a connection open to a process that is about to end would send the next request into the void.
const lastOnConnection = (draining: () => boolean) => async (ctx: Context, next: Next) => {
  await next()
  if (draining()) ctx.set('Connection', 'close')
}

const caught =
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
