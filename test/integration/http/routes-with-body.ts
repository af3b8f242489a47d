import type { Route, Schema } from '../../../src/platform/http/route.ts'
import { type Account, anEmail, password } from '../../fixtures.ts'
import type { ReplyHeaders } from '../../reply-headers.ts'
import { coreRoutes } from '../../routes.ts'
import type { World } from '../../world.ts'

// Every route that takes a body, with its fields, derived from the route table. A new route is therefore tested without
// further work.

type Shape = {
  type: string
  wrapped?: Shape
  entries?: Record<string, Shape>
  options?: Shape[]
}

/** One shape that a body may have: each field, and whether it may be null. */
export type Form = Record<string, { nullable: boolean }>
export type RouteWithBody = { route: Pick<Route, 'method' | 'path' | 'accepts'>; name: string; forms: Form[] }

/** An id that no row has. */
const unknownId = '018f0000-0000-7000-8000-000000000001'

const mayBeNull = ({ type, wrapped }: Shape): boolean =>
  type === 'nullable' || type === 'nullish' || (wrapped !== undefined && mayBeNull(wrapped))

const formsOf = ({ entries, options }: Shape): Form[] => {
  if (options) return options.flatMap(formsOf)
  const fields = Object.entries(entries ?? {})
  return [Object.fromEntries(fields.map(([name, field]) => [name, { nullable: mayBeNull(field) }]))]
}

const all = coreRoutes.flatMap((route): RouteWithBody[] =>
  route.body
    ? [
        {
          route: { ...route, path: route.path.replace(':id', unknownId) },
          name: `${route.method} ${route.path}`,
          forms: formsOf(route.body as Schema & Shape),
        },
      ]
    : [],
)

export const jsonRoutes = all.filter(({ route }) => route.accepts !== 'form')
export const formRoutes = all.filter(({ route }) => route.accepts === 'form')

const samples: Record<string, (account: Account) => unknown> = {
  email: () => anEmail(),
  password: () => password,
  refresh_token: ({ refresh }) => refresh,
  token: () => 'lkp_none',
  code: () => '123456',
  full_name: () => 'Ada Lovelace',
  phone: () => '+442071234567',
  address: () => '12 St James’s Square, London',
  preferred_language: () => 'en',
  picture_url: () => 'https://img.example/a',
  token_transport: () => 'body',
  current_password: () => password,
  new_password: () => 'another horse 10',
  new_email: () => anEmail(),
  is_active: () => true,
  roles: () => ['user'],
}

/** A body that the route accepts. Throws for a field that has no sample above. */
export const validBody = (form: Form, account: Account): Record<string, unknown> =>
  Object.fromEntries(
    Object.keys(form).map(name => {
      const sample = samples[name]
      if (!sample) throw new Error(`give an example of the field "${name}" to test/http/routes-with-body.ts`)
      return [name, sample(account)]
    }),
  )

/** The rows that the routes write to Postgres. */
export const storedRows = async ({ sql }: Pick<World, 'sql'>): Promise<unknown> => {
  const dump = (table: string) => sql(`SELECT * FROM ${table} ORDER BY id`)
  return [await dump('users'), await dump('emails'), await dump('audit_events')]
}

const isRead = (headers: ReplyHeaders | Record<string, string>): headers is ReplyHeaders =>
  typeof headers.get === 'function'

/** Null if the reply is a well-formed problem of a 4xx status, or else how it differs from one. */
export const problemFault = (reply: {
  status: number
  headers: ReplyHeaders | Record<string, string>
  body: unknown
}): string | null => {
  const header = (name: string) => (isRead(reply.headers) ? reply.headers.get(name) : reply.headers[name])
  const { type, title, status, code, request_id } = (reply.body ?? {}) as Record<string, unknown>
  if (reply.status < 400 || reply.status > 499) return `status ${reply.status}`
  if (header('content-type') !== 'application/problem+json') return `type ${header('content-type')}`
  if (header('cache-control') !== 'no-store') return 'cache-control is not no-store'
  if (status !== reply.status) return `status ${status} within ${reply.status}`
  if (request_id !== header('x-request-id')) return 'request id differs from the header'
  if (typeof title !== 'string' || title === '') return 'no title'
  return type === `/problems/${String(code).toLowerCase().replaceAll('_', '-')}` ? null : `type ${type}`
}
