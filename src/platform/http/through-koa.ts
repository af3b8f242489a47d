import type { Context } from 'koa'
import type { Handler, HeaderList, Reply } from './reply.ts'

/** Lets Koa send the reply of a handler after the last step. */
export const throughKoa =
  (handler: Handler) =>
  async (ctx: Context): Promise<void> => {
    const reply: Reply = { status: 200, headers: [], body: null }
    try {
      await handler(ctx, reply)
    } catch (error) {
      // The reply to the error still names the limits that were taken.
      setAll(ctx, reply.headers)
      throw error
    }
    replyThroughKoa(ctx, reply)
  }

/** Hands a reply to Koa. Headers that earlier steps set stay. */
export const replyThroughKoa = (ctx: Context, { status, headers, body }: Reply): void => {
  ctx.status = status
  setAll(ctx, headers)
  ctx.body = body
  // Without a body, Koa changes the status to 204.
  ctx.status = status
}

const setAll = (ctx: Context, headers: HeaderList): void => {
  for (let i = 0; i < headers.length; i += 2) ctx.set(headers[i] ?? '', headers[i + 1] ?? '')
}
