import type { ServerResponse } from 'node:http'
import { pipeline } from 'node:stream'
import type { Context } from 'koa'
import type { AnswerFirst } from './koa-patches.ts'
import { isOAuthPath } from './oauth-json.ts'
import { type Handler, type HeaderList, type Reply, setHeader } from './reply.ts'
import { hasPlainHead } from './request-head.ts'
import type { RequestLog } from './request-log.ts'
import type { ExactRoutes } from './routing.ts'
import { fillProblem } from './send-problem.ts'

type Options = {
  exact: ExactRoutes
  /** The headers that are the same for all requests with this `Origin`, or without one. */
  fixed: ReadonlyMap<string | undefined, HeaderList>
  log: RequestLog
  draining: () => boolean
}

/**
 * Answers a request to a route without parameters in one step, and writes its headers at once. The steps of the app give the
 * same answer, but take longer.
 *
 * Returns null for requests with an `Origin` that is not listed, with the method HEAD or OPTIONS, or with a head that must be
 * checked. They pass the steps of the app.
 */
export const answerExactPath = ({ exact, fixed, log, draining }: Options): AnswerFirst => {
  const answer = async (ctx: Context, route: string, handler: Handler, known: HeaderList): Promise<void> => {
    const startedAt = performance.now()
    log.begin(ctx)
    const reply: Reply = { status: 200, headers: ['X-Request-Id', ctx.state.requestId, ...known], body: null }
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
  return ctx => {
    const { method = '', url = '', headers } = ctx.req
    const end = url.indexOf('?')
    const path = end < 0 ? url : url.slice(0, end)
    const handler = exact.get(path)?.get(method)
    // No page may call a route of OAuth, so its replies to a listed origin lack the CORS headers.
    const known = fixed.get(isOAuthPath(path) ? undefined : headers.origin)
    if (!handler || !known || !hasPlainHead(ctx.req)) return null
    return answer(ctx, path, handler, known).catch(error => ctx.onerror(error))
  }
}

// What Koa does after the last step.
const write = (res: ServerResponse, { status, headers, body }: Reply): void => {
  if (body === null && status !== 204 && status !== 304) setHeader(headers, 'Content-Length', '0')
  res.writeHead(status, headers)
  if (body === null || typeof body === 'string') res.end(body ?? undefined)
  else pipeline(body, res, () => {})
}
