import type { IncomingHttpHeaders } from 'node:http'
import { Readable } from 'node:stream'
import * as v from 'valibot'
import type { Problem } from '../catalog/problems.ts'
import { entityTag, namesTag } from './entity-tag.ts'
import { isOAuthPath } from './oauth-json.ts'
import { type Reply, setHeader, setHeaders, setText } from './reply.ts'
import type { Outcome, Route, Schema } from './route.ts'
import { slicedJson } from './sliced-json.ts'

/** Fills a reply with the result of a handler. */
export const fillReply = async (
  reply: Reply,
  route: Route,
  outcome: Exclude<Outcome, Problem>,
  requested: IncomingHttpHeaders,
): Promise<void> => {
  const spec = route.replies[outcome.status]
  const { headers } = reply
  reply.status = outcome.status
  setHeader(headers, 'Cache-Control', route.cache ?? 'no-store')
  // RFC 6749, section 5.1, asks for both.
  if (isOAuthPath(route.path)) setHeader(headers, 'Pragma', 'no-cache')
  if (outcome.headers) setHeaders(headers, outcome.headers)
  if (outcome.location !== undefined) {
    setHeader(headers, 'Location', outcome.location)
  } else if (outcome.html !== undefined) {
    setHeader(headers, 'Content-Security-Policy', outcome.csp ?? '')
    setText(reply, 'text/html; charset=utf-8', outcome.html)
  } else if (outcome.text !== undefined) {
    setText(reply, 'text/plain; charset=utf-8', outcome.text)
  } else if (typeof spec === 'object') {
    if (route.size === 'large') return fillSliced(reply, spec, outcome.body)
    // Parsing drops every field that the schema does not declare, so that no internal field is sent.
    const text = JSON.stringify(v.parse(spec, outcome.body))
    const tag = route.etag && entityTag(text)
    if (tag && namesTag(requested['if-none-match'], tag)) reply.status = 304
    else setText(reply, json, text)
    if (tag) setHeader(headers, 'ETag', tag)
  }
}

const json = 'application/json; charset=utf-8'

/** Serializes the whole reply before sending it, so that an error becomes a problem and not half a reply. */
const fillSliced = async (reply: Reply, spec: Schema, body: unknown): Promise<void> => {
  const pieces = await slicedJson(spec, body)
  setHeader(reply.headers, 'Content-Type', json)
  setHeader(reply.headers, 'Content-Length', String(pieces.reduce((sum, { length }) => sum + length, 0)))
  reply.body = Readable.from(pieces)
}
