import { setImmediate } from 'node:timers/promises'
import type { RouteContext } from '../../module.ts'
import { modules } from '../../modules.ts'
import type { Route } from '../../platform/http/route.ts'

/** Loads the routes that the API has when it listens. */
export const loadFirstRoutes = async (context: RouteContext): Promise<Route[]> => {
  const first = modules.filter(({ hasLateRoutes }) => !hasLateRoutes)
  return (await Promise.all(first.map(({ routes }) => routes?.(context) ?? []))).flat()
}

/** Loads all other routes, module by module, so that a request waits for one module only. */
export const loadLateRoutes = async (context: RouteContext): Promise<Route[]> => {
  const loaded: Route[] = []
  for (const { hasLateRoutes, routes } of modules) {
    if (!hasLateRoutes || !routes) continue
    loaded.push(...(await routes(context)))
    await setImmediate()
  }
  return loaded
}
