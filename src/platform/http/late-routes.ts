import type { Middleware } from 'koa'
import type { Route } from './route.ts'

type LateRoutes = {
  /** Loads and adds the routes, once. */
  add: () => Promise<void>
  /** Lets a request wait until the routes are added, as it may be for one of them. */
  wait: Middleware
}

/** Adds routes after the server listens. */
export const lateRoutes = (
  load: () => Promise<readonly Route[]>,
  addRoute: (route: Route) => void,
): LateRoutes => {
  let adding: Promise<void> | undefined
  let isAdded = false
  const add = (): Promise<void> => {
    adding ??= load().then(routes => {
      for (const route of routes) addRoute(route)
      isAdded = true
    })
    return adding
  }
  const wait: Middleware = async (_, next) => {
    if (!isAdded) await add()
    await next()
  }
  return { add, wait }
}
