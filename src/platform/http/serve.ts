import { Readable } from 'node:stream'
import type { Context } from 'koa'
import * as v from 'valibot'
import type { Deps } from '../../deps.ts'
import { isOutage, isOverload } from '../base/store-errors.ts'
import { Problem } from '../catalog/problems.ts'
import type { Authorize } from './authorization.ts'
import { clientOf } from './client.ts'
import { cookieOf } from './cookie.ts'
import { entityTag, namesTag } from './entity-tag.ts'
import { limitHeaders, refundableLimiter, refundEach } from './limit.ts'
import { takeMailLimit } from './mail-limit.ts'
import { isOAuthPath } from './oauth-json.ts'
import { readBody } from './read-body.ts'
import type { Outcome, Route, Schema } from './route.ts'
import { sendProblem } from './send-problem.ts'
import { slicedJson } from './sliced-json.ts'
import { validate } from './validate.ts'

/** Serves a route: parse, authorize, limit, handle, reply. Each step may end the request with a problem. */
export const serve =
  (deps: Deps, authorize: Authorize, route: Route) =>
  async (ctx: Context): Promise<void> => {
    const { log } = ctx.state
    const { limiter, refundAll } = refundableLimiter(deps.limiter)
    const requestDeps = { ...deps, log, limiter }
    try {
      await send(ctx, route, await outcomeOf(requestDeps, authorize, route, ctx))
    } catch (error) {
      if (isOutage(error) && !isOverload(error)) await refundAll()
      throw error
    }
  }

const outcomeOf = async (deps: Deps, authorize: Authorize, route: Route, ctx: Context): Promise<Outcome> => {
  const { requestId } = ctx.state
  const client = clientOf(ctx.req, deps.config.TRUSTED_PROXIES, deps.theme.templates.locales)
  const input = await parse(route, ctx)
  if (input instanceof Problem) return input
  const cookie = cookieOf(ctx.req, deps.config)
  const { headers, taken, outcome } = await authorize(deps, {
    route,
    request: ctx.req,
    client,
    body: input.body,
    query: input.query,
    cookie,
  })
  ctx.set(headers)
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
    head: ctx.method === 'HEAD',
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

type Input = { body: unknown; query: unknown; params: unknown; headers: unknown }

const parse = async (route: Route, ctx: Context): Promise<Input | Problem> => {
  // A malformed id matches no resource.
  const params = route.params ? validate(route.params, { ...ctx.params }) : { value: undefined }
  if (params instanceof Problem) return new Problem('NOT_FOUND')
  const query = route.query ? validate(route.query, { ...ctx.query }) : { value: undefined }
  if (query instanceof Problem) return query
  const headers = route.headers ? validate(route.headers, { ...ctx.req.headers }) : { value: undefined }
  if (headers instanceof Problem) return headers
  const known = { query: query.value, params: params.value, headers: headers.value }
  if (!route.body) return { body: undefined, ...known }
  const raw = await readBody(ctx, route.accepts ?? 'json')
  if (raw instanceof Problem) return raw
  const body = validate(route.body, raw)
  return body instanceof Problem ? body : { body: body.value, ...known }
}

const send = async (ctx: Context, route: Route, outcome: Outcome): Promise<void> => {
  if (outcome instanceof Problem) {
    sendProblem(ctx, outcome)
    return
  }
  const spec = route.replies[outcome.status]
  ctx.status = outcome.status
  ctx.set('Cache-Control', route.cache ?? 'no-store')
  // RFC 6749, section 5.1, asks for both.
  if (isOAuthPath(route.path)) ctx.set('Pragma', 'no-cache')
  ctx.set(outcome.headers ?? {})
  if (outcome.location !== undefined) {
    ctx.set('Location', outcome.location)
    ctx.body = null
    ctx.status = outcome.status
  } else if (outcome.html !== undefined) {
    ctx.set('Content-Security-Policy', outcome.csp ?? '')
    ctx.type = 'html'
    ctx.body = outcome.html
  } else if (outcome.text !== undefined) {
    ctx.type = 'text/plain; charset=utf-8'
    ctx.body = outcome.text
  } else if (typeof spec === 'object') {
    // Parsing drops every field that the schema does not declare, so that no internal field is sent.
    if (route.size === 'large') await sendSliced(ctx, spec, outcome.body)
    else ctx.body = JSON.stringify(v.parse(spec, outcome.body))
    ctx.type = 'application/json'
    if (route.etag) sendTag(ctx)
  } else {
    ctx.body = null
    ctx.status = outcome.status
  }
}

const sendTag = (ctx: Context): void => {
  const tag = entityTag(String(ctx.body))
  ctx.set('ETag', tag)
  if (namesTag(ctx.req.headers['if-none-match'], tag)) ctx.status = 304
}

/** Serializes the whole reply before sending it, so that an error becomes a problem and not half a reply. */
const sendSliced = async (ctx: Context, spec: Schema, body: unknown): Promise<void> => {
  const pieces = await slicedJson(spec, body)
  ctx.body = Readable.from(pieces)
  ctx.length = pieces.reduce((sum, { length }) => sum + length, 0)
}
