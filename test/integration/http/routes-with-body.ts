import * as v from 'valibot'
import type { Route, Schema } from '../../../src/platform/http/route.ts'
import { type Account, anEmail } from '../../fixtures.ts'
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

const tables = ['users', 'emails', 'audit_events']

/** A digest of the rows of each table that the routes write to. The rows themselves would be sent and compared often. */
export const storedRows = ({ sql }: Pick<World, 'sql'>): Promise<object[]> => {
  const digestOf = (table: string) =>
    `(SELECT md5(string_agg(each::text, '' ORDER BY id)) FROM ${table} AS each) AS ${table}`
  return sql(`SELECT ${tables.map(digestOf)}`)
}
