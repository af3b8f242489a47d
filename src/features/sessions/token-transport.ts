import * as v from 'valibot'
import type { Deps } from '../../deps.ts'
import * as field from '../../platform/base/fields.ts'
import { type Cookie, setCookie } from '../../platform/http/cookie.ts'
import { readRefreshToken } from './refresh-token.ts'
import type { TokenReply } from './schemas.ts'

/** Where a client wants its refresh token: in the body, or in a cookie that scripts cannot read. */
export const tokenTransport = v.picklist(['body', 'cookie'])

/** What a body that starts a session may say about its tokens. */
export const tokenOptions = {
  token_transport: v.exactOptional(tokenTransport),
  audience: v.exactOptional(field.audience),
}

export type Transport = v.InferOutput<typeof tokenTransport>

/** Body and headers of a reply with tokens. A refresh token in a cookie is left out of the body. */
export const tokensBy = <T extends TokenReply>(
  { config }: Pick<Deps, 'config'>,
  tokens: T,
  transport: Transport,
): { body: T; headers?: Record<string, string> } => {
  const { refresh_token, ...body } = tokens
  if (transport === 'body' || refresh_token === undefined) return { body: tokens }
  const cookie = setCookie(config, refresh_token, tokens.refresh_expires_in)
  return { body: body as T, headers: { 'Set-Cookie': cookie } }
}

/** Whether the cookie of a request holds a refresh token of this session. */
export const isCookieOf = (
  { secrets }: Pick<Deps, 'secrets'>,
  cookie: Cookie | null,
  sessionId: string,
): boolean => cookie !== null && readRefreshToken(secrets, cookie.text)?.sessionId === sessionId
