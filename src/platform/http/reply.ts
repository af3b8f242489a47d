import type { Readable } from 'node:stream'
import type { Context } from 'koa'
import { validateHeaderValue } from './node-http.ts'

/** Names and values of headers in turn, in the order and spelling in which they are sent. */
export type HeaderList = string[]

/** A reply that is being prepared. */
export type Reply = { status: number; headers: HeaderList; body: string | Readable | null }

/** Sets a header. It replaces one of the same name, which is case-insensitive. Throws if the value could end the header. */
export const setHeader = (list: HeaderList, name: string, value: string): void => {
  validateHeaderValue(name, value)
  let at = 0
  while (at < list.length && !isSameName(list[at] ?? '', name)) at += 2
  list[at] = name
  list[at + 1] = value
}

const isSameName = (a: string, b: string): boolean =>
  a === b || (a.length === b.length && a.toLowerCase() === b.toLowerCase())

export const setHeaders = (list: HeaderList, headers: Readonly<Record<string, string>>): void => {
  for (const name in headers) setHeader(list, name, headers[name] ?? '')
}

/** Sets a text as the body of a reply. */
export const setText = (reply: Reply, type: string, text: string): void => {
  setHeader(reply.headers, 'Content-Type', type)
  setHeader(reply.headers, 'Content-Length', String(Buffer.byteLength(text)))
  reply.body = text
}

/** Serves a route: fills the reply to a request. */
export type Handler = (ctx: Context, reply: Reply) => Promise<void>
