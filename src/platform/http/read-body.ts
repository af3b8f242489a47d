import type { Context } from 'koa'
import { HttpMethodEnum, koaBody } from 'koa-body'
import rawBody from 'raw-body'
import type { Detail } from '../catalog/problem-details.ts'
import { Problem } from '../catalog/problems.ts'
import { mediaType } from './content-type.ts'

const types = { json: 'application/json', form: 'application/x-www-form-urlencoded' } as const

// Who deletes an account proves it by the password, so DELETE has a body too.
const bodied = [HttpMethodEnum.POST, HttpMethodEnum.PUT, HttpMethodEnum.PATCH, HttpMethodEnum.DELETE]

const parsers = {
  json: parser({ json: true, urlencoded: false }),
  form: parser({ json: false, urlencoded: true }),
} as const

function parser(kinds: { json: boolean; urlencoded: boolean }) {
  return koaBody({
    ...kinds,
    text: false,
    multipart: false,
    parsedMethods: bodied,
    jsonLimit: '16kb',
    formLimit: '16kb',
    patchNode: false,
    includeUnparsed: true,
  })
}

const notAnObject = () => Object.assign(new SyntaxError('not a JSON object in UTF-8'), { status: 400 })

// What the socket and the decompressor throw: a body that broke off, or that is not what its Content-Encoding says.
// Unlike the fault of a store they are the client's own.
const brokenOff = (error: NodeJS.ErrnoException): boolean =>
  error.errno !== undefined || error.code === 'ECONNABORTED'

// Names of encodings have no case, `x-gzip` is another name of `gzip`, and `identity` says that there is none (RFC 9110, 8.4).
const encodingOf = ({ req }: Context): string => {
  const encoding = (req.headers['content-encoding'] || 'identity').toLowerCase()
  return encoding === 'x-gzip' ? 'gzip' : encoding
}

// What is signed is signed as it was sent: nothing unpacks it, and nobody but the signature says whether it is any good.
const readBytes = async (ctx: Context): Promise<Buffer | Problem<'UNSUPPORTED_MEDIA_TYPE'>> => {
  if (encodingOf(ctx) !== 'identity')
    return new Problem('UNSUPPORTED_MEDIA_TYPE', { detail: 'signed_encoding' })
  const length = ctx.req.headers['content-length']
  return rawBody(ctx.req, { limit: '64kb', ...(length && { length }) }).catch((error: Error) => {
    throw brokenOff(error) ? notAnObject() : error
  })
}

/** What of the headers of a content is not supported, or null. */
const unsupported = (ctx: Context, accepts: 'json' | 'form'): Detail<'UNSUPPORTED_MEDIA_TYPE'> | null => {
  const given = mediaType(ctx.req.headers['content-type'] ?? '')
  if (given?.type !== types[accepts]) return accepts
  if (!given.isUtf8) return 'charset'
  return ['identity', 'gzip', 'deflate', 'br'].includes(encodingOf(ctx)) ? null : 'encoding'
}

/**
 * Reads a body of one kind, 16 kB at most, also after decompression; bytes, 64 kB at most. No body reads as an empty
 * object. Throws what the parser throws; a body whose bytes are not UTF-8 would be read as something that nobody sent, and
 * is refused.
 */
export const readBody = async (ctx: Context, accepts: 'json' | 'form' | 'raw'): Promise<unknown> => {
  if (accepts === 'raw') return readBytes(ctx)
  const { headers } = ctx.req
  const sent = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
  if (!sent) return {}
  const detail = unsupported(ctx, accepts)
  if (detail) return new Problem('UNSUPPORTED_MEDIA_TYPE', { detail })
  // The parser has a narrower grammar for both: it would read no body where it does not know the header.
  headers['content-type'] = types[accepts]
  headers['content-encoding'] = encodingOf(ctx)
  await parsers[accepts](ctx, async () => {}).catch((error: Error) => {
    throw brokenOff(error) ? notAnObject() : error
  })
  const body: unknown = ctx.request.body
  const text: string = ctx.request.rawBody ?? ''
  if (text.includes('\uFFFD') || typeof body !== 'object' || body === null || Array.isArray(body))
    throw notAnObject()
  return body
}
