import type { Context, Middleware, Next } from 'koa'
import type { Deps } from '../../deps.ts'
import { basePath, belowBase } from '../base/base-path.ts'
import { limits } from '../catalog/limits.ts'
import { Problem } from '../catalog/problems.ts'
import type { Assets } from './asset.ts'
import type { Authorize } from './authorization.ts'
import { clientOf } from './client.ts'
import { takeLimits } from './limit.ts'
import type { Handler } from './reply.ts'
import type { Route } from './route.ts'
import { Router } from './router.ts'
import { sendProblem } from './send-problem.ts'
import { serve } from './serve.ts'
import { throughKoa } from './through-koa.ts'

/** The routes and assets of the server. `authorize` authenticates the caller of a route. */
export type Served = {
  routes: readonly Route[]
  /** Loads the routes that no reverse proxy asks and that are loaded after the server listens. */
  loadLate?: () => Promise<readonly Route[]>
  assets: Assets
  authorize: Authorize
}

/** Routes without parameters, by path and method. */
export type ExactRoutes = ReadonlyMap<string, ReadonlyMap<string, Handler>>

/**
 * Finds the route of a request, or replies with 404 or 405. `ctx.state.route` is the path of a route without parameters.
 * For a route with parameters, the router sets `_matchedRoute`.
 */
export const routing = (
  deps: Deps,
  { routes, assets, authorize }: Served,
): { exact: ExactRoutes; steps: Middleware[]; addRoute: (route: Route) => void } => {
  const base = basePath(deps.config.PUBLIC_URL)
  const router = new Router({ strict: true, sensitive: true })
  const exact = new Map<string, Map<string, Handler>>()
  const addRoute = (route: Route): void => {
    const { method, path } = route
    const handler = serve(deps, authorize, route)
    router.register(path, [method.toLowerCase()], throughKoa(handler))
    if (!path.includes(':')) exact.set(path, (exact.get(path) ?? new Map()).set(method, handler))
  }
  for (const route of routes) if (route.forProxies === undefined) addRoute(route)
  router.get('/', ctx => {
    ctx.status = 303
    ctx.redirect(`${base}/docs`)
  })
  for (const [path, asset] of Object.entries(assets)) router.get(path, ctx => sendAsset(deps, ctx, asset))
  const steps = [
    ...(base ? [withoutBase(base, router)] : []),
    serveExactPath(exact, notFound(router)),
    router.routes() as Middleware,
    notFound(router),
  ]
  return { exact, steps, addRoute }
}

// A proxy in front may strip the path of `PUBLIC_URL` or keep it. A path that already is a route stays unchanged, so that a
// base path of `/api` is not stripped from the routes themselves.
const withoutBase = (base: string, router: Router) => (ctx: Context, next: Next) => {
  const below = belowBase(base, ctx.path)
  if (below !== null && router.match(ctx.path, ctx.method).path.length === 0) ctx.path = below
  return next()
}

// The router tries the pattern of every route in turn. A path without parameters is found by one lookup instead. It is no
// value of a parameter: `/factors/totp` is not a factor of `/factors/:id`.
const serveExactPath = (exact: ExactRoutes, refuse: Middleware) => async (ctx: Context, next: Next) => {
  const methods = exact.get(ctx.path)
  const handler = methods?.get(ctx.method)
  if (!handler) return methods && ctx.method !== 'HEAD' ? refuse(ctx, next) : next()
  ctx.state.route = ctx.path
  await throughKoa(handler)(ctx)
}

// The largest file has more than a megabyte: without a limit, one client could saturate the network.
const sendAsset = async (deps: Deps, ctx: Context, read: Assets[string]): Promise<void> => {
  const client = clientOf(ctx.req, deps.config.TRUSTED_PROXIES, deps.theme.templates.locales)
  const { refusal } = await takeLimits(deps, [limits.docs], { client })
  if (refusal) return sendProblem(ctx, refusal)
  const { type, body, csp } = await read()
  ctx.set('Cache-Control', 'public, max-age=300')
  if (csp) ctx.set('Content-Security-Policy', csp)
  ctx.type = type
  ctx.body = body
}

const notFound = (router: Router) => async (ctx: Context) => {
  const matching = router.match(ctx.path, ctx.method).path
  // `/factors/totp` is a route of its own, and no id of `/factors/:id`.
  const exact = matching.filter(layer => layer.path === ctx.path)
  const layers = exact.length > 0 ? exact : matching
  const methods = [...new Set(layers.flatMap(layer => layer.methods))]
  if (methods.length === 0) return sendProblem(ctx, new Problem('NOT_FOUND'))
  const allow = methods.sort().join(', ')
  if (ctx.method !== 'OPTIONS')
    return sendProblem(ctx, new Problem('METHOD_NOT_ALLOWED', { headers: { Allow: allow } }))
  ctx.status = 204
  ctx.set('Allow', allow)
}
