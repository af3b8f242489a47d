import type { IncomingMessage } from 'node:http'
import type { Context } from 'koa'
import type { HttpMethodEnum } from 'koa-body'
import type getRawBody from 'raw-body'
import { require } from '../base/lazy-require.ts'
import type { DetailOf } from '../catalog/problem-definition.ts'
import { Problem, type problems } from '../catalog/problems.ts'
import { arrivedBody, plainJson, withBody } from './arrived-json.ts'
import { mediaType } from './content-type.ts'
import { loadKoaBody } from './koa-body-patches.ts'
import { readParameters } from './read-parameters.ts'

const form = 'application/x-www-form-urlencoded'
const types = { json: 'application/json', form, parameters: form } as const

// DELETE has a body too: the deletion of an account requires the password.
const methodsWithBody = ['POST', 'PUT', 'PATCH', 'DELETE'] as HttpMethodEnum[]

type Parsers = Record<keyof typeof types, ReturnType<ReturnType<typeof loadKoaBody>['koaBody']>>
let loaded: Parsers | null = null

/** Loads the parsers at the first body: they and what they need are 80 files. */
const loadParsers = (): Parsers => {
  const { koaBody } = loadKoaBody()
  const parser = (kinds: { json: boolean; urlencoded: boolean }) =>
    koaBody({
      ...kinds,
      text: false,
      multipart: false,
      parsedMethods: methodsWithBody,
      jsonLimit: '16kb',
      formLimit: '16kb',
      patchNode: false,
      includeUnparsed: true,
    })
  const form = parser({ json: false, urlencoded: true })
  loaded = { json: parser({ json: true, urlencoded: false }), form, parameters: form }
  return loaded
}

const notAnObject = () => Object.assign(new SyntaxError('not a JSON object in UTF-8'), { status: 400 })

const formMessage = 'The body must be one form in UTF-8.'

const refuseMalformed = (accepts: keyof typeof types): Problem<'VALIDATION_ERROR'> => {
  if (accepts === 'json') throw notAnObject()
  return new Problem('VALIDATION_ERROR', { errors: [{ path: '', rule: 'form', message: formMessage }] })
}

// Whether the socket or the decompressor threw: the body was cut off, or does not match its Content-Encoding. These errors
// are the client's, unlike those of a store.
const isBodyError = (error: NodeJS.ErrnoException): boolean =>
  error.errno !== undefined || error.code === 'ECONNABORTED'

// Names of encodings are case-insensitive, `x-gzip` means `gzip`, and `identity` means none (RFC 9110, 8.4).
const encodingOf = ({ req }: Context): string => {
  const encoding = (req.headers['content-encoding'] || 'identity').toLowerCase()
  return encoding === 'x-gzip' ? 'gzip' : encoding
}

const hasBodyHeaders = ({ headers }: IncomingMessage): boolean =>
  headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined

// A signature covers the bytes as they were sent, so they are neither decompressed nor parsed here.
const readBytes = async (ctx: Context): Promise<Buffer | Problem<'UNSUPPORTED_MEDIA_TYPE'>> => {
  if (encodingOf(ctx) !== 'identity')
    return new Problem('UNSUPPORTED_MEDIA_TYPE', { detail: 'signed_encoding' })
  // `optimizeEmptyRequests` ends the stream of a request without these headers, and `rawBody` refuses an ended stream.
  if (!hasBodyHeaders(ctx.req)) return Buffer.alloc(0)
  const rawBody: typeof getRawBody = require('raw-body')
  const length = ctx.req.headers['content-length']
  return rawBody(ctx.req, { limit: '64kb', ...(length && { length }) }).catch((error: Error) => {
    throw isBodyError(error) ? notAnObject() : error
  })
}

/** The detail of an unsupported type, charset or encoding, or null. */
const unsupported = (
  ctx: Context,
  accepts: keyof typeof types,
): DetailOf<typeof problems.UNSUPPORTED_MEDIA_TYPE> | null => {
  const given = mediaType(ctx.req.headers['content-type'] ?? '')
  if (given?.type !== types[accepts]) return accepts === 'json' ? 'json' : 'form'
  if (!given.isUtf8) return 'charset'
  return ['identity', 'gzip', 'deflate', 'br'].includes(encodingOf(ctx)) ? null : 'encoding'
}

/**
 * Reads a body: JSON or a form of at most 16 kB, also after decompression, or raw bytes of at most 64 kB. Without a body it
 * returns an empty object.
 *
 * Rethrows the errors of the parser. A body that is not UTF-8 is refused, as decoding would change it.
 */
export const readBody = async (ctx: Context, accepts: keyof typeof types | 'raw'): Promise<unknown> => {
  if (accepts === 'raw') return readBytes(ctx)
  const { headers } = ctx.req
  const sent = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
  if (!sent) return {}
  const detail = unsupported(ctx, accepts)
  if (detail) return new Problem('UNSUPPORTED_MEDIA_TYPE', { detail })
  const arrived = accepts === 'json' ? await arrivedBody(ctx.req) : null
  const plain = arrived && plainJson(arrived)
  if (plain) return plain
  // The parser knows fewer spellings of both headers, and would read no body for one that it does not know.
  headers['content-type'] = types[accepts]
  headers['content-encoding'] = encodingOf(ctx)
  try {
    await (loaded ?? loadParsers())[accepts](arrived ? withBody(ctx, arrived) : ctx, async () => {})
  } catch (error) {
    if (!isBodyError(error as Error)) throw error
    return refuseMalformed(accepts)
  }
  const body: unknown = ctx.request.body
  const text: string = ctx.request.rawBody ?? ''
  if (text.includes('\uFFFD') || typeof body !== 'object' || body === null || Array.isArray(body))
    return refuseMalformed(accepts)
  return accepts === 'parameters' ? readParameters(text) : body
}
