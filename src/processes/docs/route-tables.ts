import { loadRoutes } from '../../modules.ts'
import type { Auth } from '../../platform/http/auth.ts'
import type { Route } from '../../platform/http/route.ts'
import { code, table } from './markdown.ts'
import { routeCalls } from './route-calls.ts'

// The tables of routes, of the core and of the shop.

const callers: Record<Auth, string> = {
  none: 'anyone',
  optional: 'anyone; an access token, if sent, must be valid',
  bearer: 'access token',
  anyBearer: 'access token of a user or a machine client',
  admin: 'access token of an administrator, or of a machine client with the scope',
  refresh: 'refresh token',
  bearerOrRefresh: 'access token or refresh token',
  client: 'id and secret of a machine client',
}

const freshSession = '[fresh session](api.md#authenticate-again-before-a-sensitive-change)'

const callerOf = ({ auth, fresh }: Route): string => {
  if (!fresh) return callers[auth]
  const condition = fresh === 'with_factor' ? ' if the user has a second factor' : ''
  return `${callers[auth]}, ${freshSession}${condition}`
}

const routeRow = (route: Route): string[] => [
  code(`${route.method} ${route.path}`),
  route.summary,
  callerOf(route),
  route.limits.map(({ name }) => code(name)).join(' ') || '–',
]

const routeTable = (all: readonly Route[]): string =>
  table(['Route', 'What it does', 'Caller', 'Limits'], all.map(routeRow))

/** A page for people: it opens by a link or a form, and no client calls it. */
const isPage = ({ replies, accepts }: Route): boolean =>
  accepts === 'form' || Object.values(replies).some(reply => reply === 'html')

const draining = () => false
const closing = () => false

/** The routes of a service without a shop, also those that are off by default. */
export const coreRoutes = await loadRoutes({ draining, closing, config: { EMAIL_LOGIN: 'on' } })

const withShop = await loadRoutes({
  draining,
  closing,
  config: { RECURRENTE_SECRET_KEY: 'sk_test_0123456789abcdef' },
})
const paths = new Set(coreRoutes.map(({ path }) => path))

/** The tables of routes, by the name of their marker. */
export const routeTables: Readonly<Record<string, () => string>> = {
  routes: () => routeTable(coreRoutes.filter(route => !isPage(route))),
  'route calls': () => routeCalls(coreRoutes.filter(route => !isPage(route))),
  'page routes': () => routeTable(coreRoutes.filter(isPage)),
  'shop routes': () => routeTable(withShop.filter(({ path }) => !paths.has(path))),
}
