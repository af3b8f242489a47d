import type { Routes } from './api-types.ts'

// The types of `client.request`, derived from the routes of the service.

type Key = keyof Routes

export type Method = Key extends `${infer M} ${string}` ? M : never

/** The paths that exist with a method. */
export type PathOf<M extends Method> = Key extends infer K ? (K extends `${M} ${infer P}` ? P : never) : never

export type RouteOf<M extends Method, P extends PathOf<M>> = `${M} ${P}` extends infer K extends Key
  ? Routes[K]
  : never

type Needed<R, N extends string> =
  R extends Record<N, infer V>
    ? Record<never, never> extends V
      ? { [K in N]?: V }
      : { [K in N]: V }
    : { [K in N]?: undefined }

export type RequestOptions<R> = Needed<R, 'params'> &
  Needed<R, 'query'> &
  Needed<R, 'body'> & {
    headers?: Record<string, string>
    signal?: AbortSignal
  }

/** The options may be left out if the route needs none. */
export type RequestArguments<R> =
  Record<never, never> extends RequestOptions<R>
    ? [options?: RequestOptions<R>]
    : [options: RequestOptions<R>]

type Replies<R> = R extends { replies: infer S } ? S : never

/** A successful reply: its status says which body it has. */
export type ReplyOf<R> = {
  [S in keyof Replies<R>]: { status: S; body: Replies<R>[S]; headers: Headers }
}[keyof Replies<R>]
