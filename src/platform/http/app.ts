import type { Context, Next } from 'koa'
import type { Deps } from '../../deps.ts'
import { basePath } from '../base/base-path.ts'
import { answerExactPath } from './exact-path.ts'
import { crossOrigin, recordHeaders, securityHeaders } from './headers.ts'
import { Koa } from './koa.ts'
import { answerFirst, readQueryOnce } from './koa-patches.ts'
import { lateRoutes } from './late-routes.ts'
import { closeStalledReaders, createServer, type Server } from './node-http.ts'
import { clientErrorHandlers } from './on-client-error.ts'
import { proxyRouting } from './proxy-routing.ts'
import type { HeaderList } from './reply.ts'
import { checkHead, handleExpectHeader } from './request-head.ts'
import { openRequestLog, type RequestLog } from './request-log.ts'
import { routing, type Served } from './routing.ts'
import { sendProblem } from './send-problem.ts'

/**
 * The HTTP server. Koa passes each request to `answerExactPath` first, which answers most of them. All others pass, from the
 * outermost step in, a log line, an error boundary, headers and the routes.
 */
export const createApp = async (
  deps: Deps,
  served: Served,
  draining: () => boolean,
): Promise<{ server: Server; addLateRoutes: () => Promise<void> }> => {
  const app = new Koa()
  app.silent = true
  const log = openRequestLog(deps)
  const addSecurityHeaders = securityHeaders()
  const answerCrossOrigin = crossOrigin(deps.config.CORS_ORIGINS)
  const fixed = new Map<string | undefined, HeaderList>()
  for (const origin of [undefined, ...deps.config.CORS_ORIGINS])
    fixed.set(origin, await recordHeaders([addSecurityHeaders, answerCrossOrigin], origin))
  const { exact, steps, addRoute } = routing(deps, served)
  const late = lateRoutes(served.loadLate ?? (async () => []), addRoute)
  readQueryOnce(app)
  answerFirst(app, answerExactPath({ exact, fixed, log, draining }))
  app.use(logRequest(log))
  app.use(closeWhileDraining(draining))
  app.use(errorBoundary(log))
  app.use(addSecurityHeaders)
  app.use(checkHead)
  app.use(proxyRouting(deps, served))
  app.use(answerCrossOrigin)
  app.use(late.wait)
  for (const step of steps) app.use(step)
  const server = createServer(
    // These timeouts end the connection of a client that sends its request too slowly (slowloris attack).
    {
      // `checkHead` rejects a request without a host: the reply of Node would have no body and none of our headers.
      requireHostHeader: false,
      headersTimeout: 6000,
      requestTimeout: 8000,
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: 65_000,
      // Node ends the stream of a request without a body at once, and not by events when the reply is sent.
      optimizeEmptyRequests: true,
    },
    app.callback(),
  )
  const { onClientError, onConnect } = clientErrorHandlers(basePath(deps.config.PUBLIC_URL))
  handleExpectHeader(closeStalledReaders(server)).on('clientError', onClientError).on('connect', onConnect)
  return { server, addLateRoutes: late.add }
}

const logRequest =
  ({ begin, end }: RequestLog) =>
  async (ctx: Context, next: Next): Promise<void> => {
    const startedAt = performance.now()
    begin(ctx)
    ctx.set('X-Request-Id', ctx.state.requestId)
    await next()
    end(ctx, ctx.state.route ?? (ctx as { _matchedRoute?: string })._matchedRoute, startedAt)
  }

// A client that keeps its connection to a draining process would lose its next request.
const closeWhileDraining = (draining: () => boolean) => async (ctx: Context, next: Next) => {
  await next()
  if (draining()) ctx.set('Connection', 'close')
}

const errorBoundary =
  ({ problemOf }: RequestLog) =>
  async (ctx: Context, next: Next): Promise<void> => {
    try {
      await next()
    } catch (error) {
      sendProblem(ctx, problemOf(error, ctx.state.log))
    }
  }
