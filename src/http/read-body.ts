import type { Context } from 'koa'
import { HttpMethodEnum, koaBody } from 'koa-body'
import rawBody from 'raw-body'
import { Problem } from '../base/problems.ts'

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

// What is signed is signed as it was sent: nothing unpacks it, and nobody but the signature says whether it is any good.
const readBytes = async ({ req }: Context): Promise<Buffer | Problem<'UNSUPPORTED_MEDIA_TYPE'>> => {
  if (req.headers['content-encoding']) return new Problem('UNSUPPORTED_MEDIA_TYPE')
  const length = req.headers['content-length']
  return rawBody(req, { limit: '64kb', ...(length && { length }) }).catch((error: Error) => {
    throw brokenOff(error) ? notAnObject() : error
  })
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
  const [type = '', ...parameters] = (headers['content-type'] ?? '').toLowerCase().split(';')
  const charset = parameters
    .map(parameter => parameter.trim())
    .find(parameter => parameter.startsWith('charset='))
  if (type.trim() !== types[accepts] || (charset && !/^charset="?utf-8"?$/.test(charset)))
    return new Problem('UNSUPPORTED_MEDIA_TYPE')
  await parsers[accepts](ctx, async () => {}).catch((error: Error) => {
    throw brokenOff(error) ? notAnObject() : error
  })
  const body: unknown = ctx.request.body
  const text: string = ctx.request.rawBody ?? ''
  if (text.includes('\uFFFD') || typeof body !== 'object' || body === null || Array.isArray(body))
    throw notAnObject()
  return body
}
