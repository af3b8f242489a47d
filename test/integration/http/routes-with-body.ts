import * as v from 'valibot'
import type { Route, Schema } from '../../../src/platform/http/route.ts'
import { type Account, anEmail } from '../../fixtures.ts'
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

/** One shape that a body may have: each field, whether it may be null, and a valid value of it. */
export type Form = Record<string, { nullable: boolean; sample: unknown }>
export type RouteWithBody = { route: Pick<Route, 'method' | 'path' | 'accepts'>; name: string; forms: Form[] }

/** An id that no row has. */
const unknownId = '018f0000-0000-7000-8000-000000000001'

const mayBeNull = ({ type, wrapped }: Shape): boolean =>
  type === 'nullable' || type === 'nullish' || (wrapped !== undefined && mayBeNull(wrapped))

type Body = Readonly<Record<string, unknown>>

const bodies = coreRoutes.flatMap(({ example }) => (example?.body ? [example.body as Body] : []))

/** The first value of a field in these bodies that the field accepts: several routes may have fields of one name. */
const sampleOf = (name: string, field: Shape, examples: readonly Body[]): unknown =>
  examples.find(body => name in body && v.safeParse(field as unknown as Schema, body[name]).success)?.[name]

const formsOf = ({ entries, options }: Shape, examples: readonly Body[]): Form[] => {
  if (options) return options.flatMap(option => formsOf(option, examples))
  const fields = Object.entries(entries ?? {}).map(([name, field]) => [
    name,
    { nullable: mayBeNull(field), sample: sampleOf(name, field, examples) },
  ])
  return [Object.fromEntries(fields)]
}

const all = coreRoutes.flatMap((route): RouteWithBody[] =>
  route.body
    ? [
        {
          route: { ...route, path: route.path.replace(':id', unknownId) },
          name: `${route.method} ${route.path}`,
          forms: formsOf(route.body as Schema & Shape, [(route.example?.body ?? {}) as Body, ...bodies]),
        },
      ]
    : [],
)

export const jsonRoutes = all.filter(
  ({ route: { accepts = 'json' } }) => accepts !== 'form' && accepts !== 'parameters',
)
export const formRoutes = all.filter(({ route }) => route.accepts === 'form')

/** A body that the route accepts: values of the account, and those of the examples for the other fields. */
export const validBody = (form: Form, account: Account): Record<string, unknown> => {
  const own: Body = {
    email: anEmail(),
    new_email: anEmail(),
    refresh_token: account.refresh,
    // No example shows it, because each example of a body shows one kind of evidence.
    recovery_code: '4f7gk-9m2xw-b8hqd',
  }
  return Object.fromEntries(Object.entries(form).map(([name, { sample }]) => [name, own[name] ?? sample]))
}

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

/** As `problemFault`, for a reply of any path: below `/oauth`, errors have the format of RFC 6749. */
export const errorFault = (path: string, reply: Parameters<typeof problemFault>[0]): string | null => {
  if (!path.startsWith('/api/v1/oauth/')) return problemFault(reply)
  const header = (name: string) =>
    isRead(reply.headers) ? reply.headers.get(name) : (reply.headers[name] ?? null)
  const { error, error_description, ...rest } = (reply.body ?? {}) as Record<string, unknown>
  if (header('content-type') !== 'application/json') return `type ${header('content-type')}`
  if (header('cache-control') !== 'no-store') return 'cache-control is not no-store'
  if (header('pragma') !== 'no-cache') return 'pragma is not no-cache'
  if (!/^[a-z_]+$/.test(String(error))) return `error ${error}`
  // RFC 6749, section 5.2.
  if (!/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/.test(String(error_description))) return `${error_description}`
  return Object.keys(rest).length > 0 ? `more members: ${Object.keys(rest)}` : null
}
