import type { Context } from 'koa'
import type { Deps } from '../../deps.ts'
import { isOutage, isOverload } from '../base/store-errors.ts'
import { Problem } from '../catalog/problems.ts'
import type { Authorize } from './authorization.ts'
import { clientOf } from './client.ts'
import { cookieOf } from './cookie.ts'
import { fillReply } from './fill-reply.ts'
import { limitHeaders, refundableLimiter, refundEach } from './limit.ts'
import { takeMailLimit } from './mail-limit.ts'
import { readBody } from './read-body.ts'
import { type Handler, type Reply, setHeaders } from './reply.ts'
import type { Outcome, Route, Schema } from './route.ts'
import { fillProblem } from './send-problem.ts'
import { validate } from './validate.ts'

/** Serves a route: parse, authorize, limit, handle, reply. Each step may end the request with a problem. */
export const serve =
  (deps: Deps, authorize: Authorize, route: Route): Handler =>
  async (ctx, reply) => {
    const { log } = ctx.state
    const { limiter, refundAll } = refundableLimiter(deps.limiter)
    const requestDeps = { ...deps, log, limiter }
    try {
      const outcome = await outcomeOf(requestDeps, authorize, route, ctx, reply)
      if (outcome instanceof Problem) fillProblem(reply, ctx, outcome)
      else await fillReply(reply, route, outcome, ctx.req.headers)
    } catch (error) {
      if (isOutage(error) && !isOverload(error)) await refundAll()
      throw error
    }
  }

const outcomeOf = async (
  deps: Deps,
  authorize: Authorize,
  route: Route,
  ctx: Context,
  reply: Reply,
): Promise<Outcome> => {
  const { requestId } = ctx.state
  const client = clientOf(ctx.req, deps.config.TRUSTED_PROXIES, deps.theme.templates.locales)
  const given = parseHead(route, ctx)
  if (given instanceof Problem) return given
  const parsed = route.body ? await parseBody(route, route.body, ctx) : absent
  if (parsed instanceof Problem) return parsed
  const input = { body: parsed.value, ...given }
  const cookie = cookieOf(ctx.req, deps.config)
  const { headers, taken, outcome } = await authorize(deps, {
    route,
    request: ctx.req,
    client,
    body: input.body,
    query: input.query,
    cookie,
  })
  setHeaders(reply.headers, headers)
  if (outcome instanceof Problem) return outcome
  const isOverMailLimit = () => takeMailLimit(deps, route, input.body)
  const refundLimits = async () => limitHeaders(await refundEach(taken))
  const call = {
    ...outcome,
    ...input,
    client,
    requestId,
    cookie,
    isOverMailLimit,
    refundLimits,
    head: ctx.req.method === 'HEAD',
    clientLeft: () => abortOnClose(ctx),
  }
  return route.handle(deps, call as never)
}

const abortOnClose = (ctx: Context): AbortSignal => {
  const left = new AbortController()
  if (ctx.res.closed) left.abort()
  ctx.res.once('close', () => left.abort())
  return left.signal
}

type Head = { query: unknown; params: unknown; headers: unknown }

const parseHead = (route: Route, ctx: Context): Head | Problem => {
  // A malformed id matches no resource.
  const params = route.params ? validate(route.params, { ...ctx.params }) : absent
  if (params instanceof Problem) return new Problem('NOT_FOUND')
  const query = route.query ? validate(route.query, { ...ctx.query }) : absent
  if (query instanceof Problem) return query
  const headers = route.headers ? validate(route.headers, { ...ctx.req.headers }) : absent
  if (headers instanceof Problem) return headers
  return { query: query.value, params: params.value, headers: headers.value }
}

const absent = { value: undefined }

const parseBody = async (
  route: Route,
  schema: Schema,
  ctx: Context,
): Promise<{ value: unknown } | Problem> => {
  const raw = await readBody(ctx, route.accepts ?? 'json')
  return raw instanceof Problem ? raw : validate(schema, raw)
}
