import type { Auth, Route } from '../../platform/http/route.ts'

// A call of each JSON route by curl, with the body of its example, in the shell that docs/by-hand.md prepares.

const bearer = ' -H "Authorization: Bearer $ACCESS"'

const credentials: Record<Auth, string> = {
  none: '',
  optional: '',
  bearer,
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

const callOf = ({ method, path, auth, body, example }: Route): string => {
  const standard = body ? 'POST' : 'GET'
  const data = body ? ` -H "$JSON" -d '${JSON.stringify(example?.body)}'` : ''
  return `call ${urlOf(path)}${method === standard ? '' : ` -X ${method}`}${credentials[auth]}${data}`
}

/** One line of shell for each route. */
export const routeCalls = (routes: readonly Route[]): string =>
  ['```sh', ...routes.map(callOf), '```'].join('\n')
