import test from 'ava'
import * as v from 'valibot'
import type { Schema } from '../../../src/platform/http/route.ts'
import { readEvent } from '../../../src/shop/purchases/read-event.ts'
import { allRoutes } from '../../routes.ts'

type Shape = { entries?: Record<string, unknown>; options?: Shape[] }

/** The alternatives of a body, each with the names of its fields. */
const fieldsOf = ({ entries = {}, options }: Shape): string[][] =>
  options ? options.flatMap(fieldsOf) : [Object.keys(entries).sort()]

const isValid = (schema: Schema | undefined, value: unknown): boolean =>
  schema === undefined ? value === undefined : v.safeParse(schema, value).success

const named = allRoutes.map(route => ({ ...route, name: `${route.method} ${route.path}` }))

test('example of a request → valid by the schemas of its route', t => {
  t.true(named.length > 50)
  for (const { name, accepts, body, query, params, headers, example = {} } of named) {
    if (accepts !== 'raw') t.true(isValid(body, example.body), `${name}: body`)
    t.true(isValid(params, example.params), `${name}: params`)
    if (example.query) t.true(isValid(query, example.query), `${name}: query`)
    if (example.headers) t.true(isValid(headers, example.headers), `${name}: headers`)
  }
})

test('example of a reply → valid by the first success schema, without an undeclared field', t => {
  for (const { name, replies, example } of named) {
    const [success] = Object.entries(replies).flatMap(([status, reply]) => (status < '300' ? [reply] : []))
    if (typeof success === 'object') t.deepEqual(v.parse(success, example?.reply), example?.reply, name)
    else t.is(example?.reply, undefined, name)
  }
})

test('example of a body or query → names every field of its schema, so that readers see each', t => {
  for (const { name, accepts, body, query, example } of named) {
    const given = Object.keys(example?.body ?? {}).sort()
    // An audience must be configured first: a request that names another one is refused. A machine client authenticates by
    // HTTP Basic in the examples.
    const absent = ['audience', 'resource', 'client_id', 'client_secret']
    const forms = (body && accepts !== 'raw' ? fieldsOf(body as Shape) : []).map(names =>
      names.filter(each => !absent.includes(each)),
    )
    if (forms.length > 0) t.true(forms.map(String).includes(String(given)), `${name}: ${given}`)
    // A cursor is opaque: it comes from the reply before. The user of the examples has no verified address.
    const omitted = ['cursor', 'again', 'audience', 'verified']
    const wanted = query ? fieldsOf(query as Shape).flat() : []
    const shown = Object.keys(example?.query ?? {})
    for (const each of wanted) t.true(omitted.includes(each) || shown.includes(each), `${name}: ${each}`)
  }
})

test('example of a gateway event → one that the webhook reads', t => {
  const [webhook] = allRoutes.filter(({ accepts }) => accepts === 'raw')
  t.is(readEvent(JSON.stringify(webhook?.example?.body))?.report?.kind, 'paid')
})
