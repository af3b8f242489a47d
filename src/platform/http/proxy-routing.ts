import type { Context, Middleware, Next } from 'koa'
import type { Deps } from '../../deps.ts'
import { basePath, belowBase } from '../base/base-path.ts'
import { Problem } from '../catalog/problems.ts'
import type { Authorize } from './authorization.ts'
import type { Route } from './route.ts'
import { sendProblem } from './send-problem.ts'
import { serve } from './serve.ts'
import { throughKoa } from './through-koa.ts'

type Handler = ReturnType<typeof throughKoa>

/** The rest of a path after a prefix, or null. Nothing is decoded or normalized: `/check/../me` is below `/check/`. */
const restAfter = (prefix: string, path: string): string | null =>
  path.startsWith(prefix) ? path.slice(prefix.length) : null

const conditionsOf = ({ query }: Route): readonly string[] =>
  query && 'entries' in query ? Object.keys(query.entries as object) : []

const slashMessage = 'The address of the check ends in a slash, so no condition is read. Remove the slash.'

const trailingSlash = () =>
  new Problem('VALIDATION_ERROR', { errors: [{ path: '', rule: 'address', message: slashMessage }] })

/**
 * Serves the routes that reverse proxies ask (`forProxies`). It must run before the steps that answer OPTIONS by themselves: a
 * preflight request carries no credentials, and the proxy would take the reply for a permission.
 */
export const proxyRouting = (
  deps: Deps,
  { routes, authorize }: { routes: readonly Route[]; authorize: Authorize },
): Middleware => {
  const base = basePath(deps.config.PUBLIC_URL)
  const asked = routes.filter(({ forProxies }) => forProxies !== undefined)
  const exact = new Map<string, Handler>()
  /** The conditions of an exact route, by its path with a slash. */
  const conditions = new Map<string, readonly string[]>()
  const below: { prefix: string; name: string; route: string; handler: Handler }[] = []
  for (const route of asked) {
    const handler = throughKoa(serve(deps, authorize, route))
    const [prefix = '', name] = route.path.split(':')
    if (name === undefined) {
      exact.set(route.path, handler)
      conditions.set(`${route.path}/`, conditionsOf(route))
    } else below.push({ prefix, name, route: route.path, handler })
  }

  // An operator who writes `/check/?role=admin` means the exact route. The route below it would let every user pass.
  const dropsConditions = (ctx: Context, path: string): boolean => {
    const known = conditions.get(path) ?? []
    const sent = Object.keys(ctx.query)
    return sent.length > 0 && sent.every(name => known.includes(name))
  }

  const serveAt = (ctx: Context, path: string): Promise<void> | null => {
    const handler = exact.get(path)
    if (handler) return serveExact(ctx, path, handler)
    for (const { prefix, name, route, handler } of below) {
      const rest = restAfter(prefix, path)
      if (rest === null) continue
      ctx.state.route = route
      ctx.params = { [name]: rest }
      return dropsConditions(ctx, path) ? refuse(ctx, trailingSlash()) : handler(ctx)
    }
    return null
  }
  return (ctx: Context, next: Next) => {
    const rest = belowBase(base, ctx.path)
    const served = serveAt(ctx, ctx.path) ?? (rest === null ? null : serveAt(ctx, rest))
    if (served) ctx.vary('Origin')
    return served ?? next()
  }
}

const refuse = async (ctx: Context, problem: Problem): Promise<void> => sendProblem(ctx, problem)

const serveExact = async (ctx: Context, path: string, handler: Handler): Promise<void> => {
  ctx.state.route = path
  if (ctx.method === 'GET' || ctx.method === 'HEAD') return handler(ctx)
  return refuse(ctx, new Problem('METHOD_NOT_ALLOWED', { headers: { Allow: 'GET, HEAD' } }))
}
