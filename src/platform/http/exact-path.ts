import type { ServerResponse } from 'node:http'
import { pipeline } from 'node:stream'
import type { Context, Middleware } from 'koa'
import { type HeaderList, type Reply, setHeader } from './reply.ts'
import { hasPlainHead } from './request-head.ts'
import type { RequestLog } from './request-log.ts'
import type { ExactRoutes } from './routing.ts'
import { fillProblem } from './send-problem.ts'
import type { Handler } from './serve.ts'

type Options = { exact: ExactRoutes; fixed: HeaderList; log: RequestLog; draining: () => boolean }

/**
 * Answers a request to a route without parameters in one step, and writes its headers at once. The steps after this one give
 * the same answer, but take longer.
 *
 * It passes on requests with an `Origin`, with the method HEAD or OPTIONS, or with a head that must be checked. `fixed` holds
 * the headers that are the same for all other requests.
 */
export const answerExactPath = ({ exact, fixed, log, draining }: Options): Middleware => {
  const answer = async (ctx: Context, route: string, handler: Handler): Promise<void> => {
    const startedAt = performance.now()
    log.begin(ctx)
    const reply: Reply = { status: 200, headers: ['X-Request-Id', ctx.state.requestId, ...fixed], body: null }
    try {
      await handler(ctx, reply)
    } catch (error) {
      fillProblem(reply, ctx, log.problemOf(error, ctx.state.log))
    }
    // A client that keeps its connection to a draining process would lose its next request.
    if (draining()) setHeader(reply.headers, 'Connection', 'close')
    write(ctx.res, reply)
    log.end(ctx, route, startedAt)
  }
  return (ctx, next) => {
    const { req } = ctx
    const { method = '', url = '', headers } = req
    const end = url.indexOf('?')
    const path = end < 0 ? url : url.slice(0, end)
    const handler = exact.get(path)?.get(method)
    if (!handler || headers.origin !== undefined || !hasPlainHead(req)) return next()
    ctx.respond = false
    return answer(ctx, path, handler)
  }
}

// What Koa does after the last step.
const write = (res: ServerResponse, { status, headers, body }: Reply): void => {
  if (body === null && status !== 204 && status !== 304) setHeader(headers, 'Content-Length', '0')
  res.writeHead(status, headers)
  if (body === null || typeof body === 'string') res.end(body ?? undefined)
  else pipeline(body, res, () => {})
}
