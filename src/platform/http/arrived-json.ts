import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { Context } from 'koa'

// A small body arrives together with its headers, and Node has put it into the stream one microtask after it called the
// handler. To take it from there costs less than the parser, which listens to the stream, decodes and joins its chunks.

const longest = 16 * 1024

/** The whole body, if it has arrived and is neither compressed, chunked nor too long. It is then no longer in the stream. */
export const arrivedBody = async (req: IncomingMessage): Promise<Buffer | null> => {
  await null
  const { 'content-length': length, 'content-encoding': encoding } = req.headers
  if (encoding !== undefined || req.readableLength !== Number(length) || req.readableLength > longest)
    return null
  const body = req.read() as Buffer | null
  // Lets the stream end, which frees the request.
  req.resume()
  return body
}

/** The object in a body of plain JSON. Null for every other body, which the parser reads or refuses by its own rules. */
export const plainJson = (body: Buffer): object | null => {
  const text = body.toString()
  // The parser refuses the key `__proto__`, which escapes can spell too, and text that is not UTF-8.
  if (text.includes('\\') || text.includes('__proto__') || text.includes('\uFFFD')) return null
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null
  } catch {
    return null
  }
}

/** The context of a request whose body was taken, for a parser that reads it from a stream. */
export const withBody = (ctx: Context, body: Buffer): Context => {
  const req = Object.assign(Readable.from([body]), { headers: ctx.req.headers, method: ctx.req.method })
  return Object.create(ctx, { req: { value: req } })
}
