import * as v from 'valibot'
import type { TokenReply } from '../sessions/rules.ts'
import { setCookie } from './cookie.ts'

/** Where a client wants its refresh token: in the body, or in a cookie that its scripts cannot read. */
export const tokenTransport = v.picklist(['body', 'cookie'])

export type Transport = v.InferOutput<typeof tokenTransport>

/** Tokens as a reply carries them. In a cookie, the refresh token is not in the body as well. */
export const tokensBy = <T extends TokenReply>(
  tokens: T,
  transport: Transport,
): { body: T; headers?: Record<string, string> } => {
  const { refresh_token, ...body } = tokens
  if (transport === 'body' || refresh_token === undefined) return { body: tokens }
  return { body: body as T, headers: { 'Set-Cookie': setCookie(refresh_token, tokens.refresh_expires_in) } }
}
