import type { Auth } from '../../platform/http/auth.ts'
import type { Route } from '../../platform/http/route.ts'

// A call of each JSON route by curl, with the body of its example, in the shell that docs/by-hand.md prepares.

const bearer = ' -H "Authorization: Bearer $ACCESS"'

const credentials: Record<Auth, string> = {
  none: '',
  optional: '',
  bearer,
  anyBearer: bearer,
  admin: bearer,
  refresh: '',
  bearerOrRefresh: '',
  client: ' -u "$CLIENT_ID:$CLIENT_SECRET"',
}

const urlOf = (path: string): string =>
  path
    .replace(/^\/api\/v1\/auth/, '$API')
    .replace(/^\/api\/v1\/admin/, '$ADMIN')
    .replace(/^\//, '$BASE/')
    .replace(/:id/, '$ID')
    .replace(/:path/, 'orders')
    .replace(/:prefix/, '$PREFIX')

// curl sends `-d` as a form by itself.
const dataOf = ({ accepts, body, example }: Route): string => {
  if (!body) return ''
  const isForm = accepts === 'form' || accepts === 'parameters'
  if (isForm) return ` -d '${new URLSearchParams(example?.body as Record<string, string>)}'`
  return ` -H "$JSON" -d '${JSON.stringify(example?.body)}'`
}

const callOf = (route: Route): string => {
  const { method, path, auth, body } = route
  const standard = body ? 'POST' : 'GET'
  const data = dataOf(route)
  return `call ${urlOf(path)}${method === standard ? '' : ` -X ${method}`}${credentials[auth]}${data}`
}

/** One line of shell for each route. */
export const routeCalls = (routes: readonly Route[]): string =>
  ['```sh', ...routes.map(callOf), '```'].join('\n')
