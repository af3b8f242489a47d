import type { Context, Middleware, Next } from 'koa'
import type { Deps } from '../../deps.ts'
import { basePath, belowBase } from '../base/base-path.ts'
import { limits } from '../catalog/limits.ts'
import { Problem } from '../catalog/problems.ts'
import type { Asset, Assets } from './asset.ts'
import type { Authorize } from './authorization.ts'
import { clientOf } from './client.ts'
import { takeLimits } from './limit.ts'
import type { Route } from './route.ts'
import { Router } from './router.ts'
import { sendProblem, serve } from './serve.ts'

/** What is served. `authorize` authenticates the caller of a route. */
export type Served = { routes: readonly Route[]; assets: Assets; authorize: Authorize }

/**
 * Finds the route of a request, or answers that there is none. `ctx.state.route` is the path of a route without parameters.
 * For the others, the router sets their pattern.
 */
export const routing = (deps: Deps, { routes, assets, authorize }: Served): Middleware[] => {
  const base = basePath(deps.config.PUBLIC_URL)
  const router = new Router({ strict: true, sensitive: true })
  const named = new Map<string, Serve>()
  for (const route of routes) {
    const served = serve(deps, authorize, route)
    router.register(route.path, [route.method.toLowerCase()], served)
    if (!route.path.includes(':')) named.set(`${route.method} ${route.path}`, served)
  }
  router.get('/', ctx => {
    ctx.status = 303
    ctx.redirect(`${base}/docs`)
  })
  for (const [path, asset] of Object.entries(assets)) router.get(path, ctx => sendAsset(deps, ctx, asset))
  return [
    ...(base ? [withoutBase(base, router)] : []),
    straight(named),
    router.routes() as Middleware,
    unrouted(router),
  ]
}

// A proxy in front may cut the path of `PUBLIC_URL` off or leave it. What is a route as it came stays as it came, so that a
// base path of `/api` does not cut into the routes themselves.
const withoutBase = (base: string, router: Router) => (ctx: Context, next: Next) => {
  const below = belowBase(base, ctx.path)
  if (below !== null && router.match(ctx.path, ctx.method).path.length === 0) ctx.path = below
  return next()
}

type Serve = ReturnType<typeof serve>

// The router tries the pattern of every route in turn: where a path has no parameter, its text is enough.
const straight = (named: ReadonlyMap<string, Serve>) => async (ctx: Context, next: Next) => {
  const served = named.get(`${ctx.method} ${ctx.path}`)
  if (!served) return next()
  ctx.state.route = ctx.path
  await served(ctx)
}

// The largest file has more than a megabyte: without a limit one client could fill the network.
const sendAsset = async (deps: Deps, ctx: Context, read: () => Asset): Promise<void> => {
  const client = clientOf(ctx.req, deps.config.TRUSTED_PROXIES, deps.theme.templates.locales)
  const { refusal } = await takeLimits(deps, [limits.docs], { client })
  if (refusal) return sendProblem(ctx, refusal)
  const { type, body, csp } = read()
  ctx.set('Cache-Control', 'public, max-age=300')
  if (csp) ctx.set('Content-Security-Policy', csp)
  ctx.type = type
  ctx.body = body
}

const unrouted = (router: Router) => async (ctx: Context) => {
  const { path: layers } = router.match(ctx.path, ctx.method)
  const methods = [...new Set(layers.flatMap(layer => layer.methods))]
  if (methods.length === 0) return sendProblem(ctx, new Problem('NOT_FOUND'))
  const allow = methods.sort().join(', ')
  if (ctx.method !== 'OPTIONS')
    return sendProblem(ctx, new Problem('METHOD_NOT_ALLOWED', { headers: { Allow: allow } }))
  ctx.status = 204
  ctx.set('Allow', allow)
}
