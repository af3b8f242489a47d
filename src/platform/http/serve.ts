import type { IncomingHttpHeaders } from 'node:http'
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
import { type Reply, replyThroughKoa, setHeader, setHeaders, setText } from './reply.ts'
import type { Outcome, Route, Schema } from './route.ts'
import { fillProblem } from './send-problem.ts'
import { slicedJson } from './sliced-json.ts'
import { validate } from './validate.ts'

/** Serves a route: fills the reply to a request. */
export type Handler = (ctx: Context, reply: Reply) => Promise<void>

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
      else await fill(reply, route, outcome, ctx.req.headers)
    } catch (error) {
      if (isOutage(error) && !isOverload(error)) await refundAll()
      throw error
    }
  }

/** Serves a route through Koa. */
export const throughKoa =
  (handler: Handler) =>
  async (ctx: Context): Promise<void> => {
    const reply: Reply = { status: 200, headers: [], body: null }
    try {
      await handler(ctx, reply)
    } catch (error) {
      // The reply to the error still names the limits that were taken.
      for (let i = 0; i < reply.headers.length; i += 2)
        ctx.set(reply.headers[i] ?? '', reply.headers[i + 1] ?? '')
      throw error
    }
    replyThroughKoa(ctx, reply)
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

const fill = async (
  reply: Reply,
  route: Route,
  outcome: Exclude<Outcome, Problem>,
  requested: IncomingHttpHeaders,
): Promise<void> => {
  const spec = route.replies[outcome.status]
  const { headers } = reply
  reply.status = outcome.status
  setHeader(headers, 'Cache-Control', route.cache ?? 'no-store')
  // RFC 6749, section 5.1, asks for both.
  if (isOAuthPath(route.path)) setHeader(headers, 'Pragma', 'no-cache')
  if (outcome.headers) setHeaders(headers, outcome.headers)
  if (outcome.location !== undefined) {
    setHeader(headers, 'Location', outcome.location)
  } else if (outcome.html !== undefined) {
    setHeader(headers, 'Content-Security-Policy', outcome.csp ?? '')
    setText(reply, 'text/html; charset=utf-8', outcome.html)
  } else if (outcome.text !== undefined) {
    setText(reply, 'text/plain; charset=utf-8', outcome.text)
  } else if (typeof spec === 'object') {
    if (route.size === 'large') return fillSliced(reply, spec, outcome.body)
    // Parsing drops every field that the schema does not declare, so that no internal field is sent.
    const text = JSON.stringify(v.parse(spec, outcome.body))
    const tag = route.etag && entityTag(text)
    if (tag && namesTag(requested['if-none-match'], tag)) reply.status = 304
    else setText(reply, json, text)
    if (tag) setHeader(headers, 'ETag', tag)
  }
}

const json = 'application/json; charset=utf-8'

/** Serializes the whole reply before sending it, so that an error becomes a problem and not half a reply. */
const fillSliced = async (reply: Reply, spec: Schema, body: unknown): Promise<void> => {
  const pieces = await slicedJson(spec, body)
  setHeader(reply.headers, 'Content-Type', json)
  setHeader(reply.headers, 'Content-Length', String(pieces.reduce((sum, { length }) => sum + length, 0)))
  reply.body = Readable.from(pieces)
}
