import type * as v from 'valibot'
import type { Replies, Schema } from './route.ts'

/** An example of a request and of its reply. OpenAPI, the Postman collection and the tests derive from it. */
export type RouteExample = {
  body?: object
  query?: object
  params?: object
  headers?: object
  reply?: unknown
}

// Bytes that are signed are JSON in the example.
type ExampleBody<B extends Schema> = B extends v.GenericSchema<Uint8Array> ? object : v.InferInput<B>
type JsonReply<R extends Replies> = R extends { 200: infer S } | { 201: infer S }
  ? S
  : R extends { 202: infer S }
    ? S
    : undefined
type Optional<S> = S extends Schema ? v.InferInput<S> : never

type Example<B, Q, P, H, R extends Replies> = {
  query?: Optional<Q>
  headers?: Optional<H>
} & (B extends Schema ? { body: ExampleBody<B> } : { body?: never }) &
  (P extends Schema ? { params: v.InferInput<P> } : { params?: never }) &
  (JsonReply<R> extends Schema ? { reply: v.InferInput<JsonReply<R>> } : { reply?: never })

type Required<E> = object extends E ? { example?: E } : { example: E }

/** A body, path parameters and a JSON reply must have an example. A query and headers may have one. */
export type WithExample<B, Q, P, H, R extends Replies> = Required<Example<B, Q, P, H, R>>
