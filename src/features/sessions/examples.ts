import type * as v from 'valibot'
import { example } from '../../platform/catalog/examples.ts'
import { userExample } from '../users/examples.ts'
import type { liveSessionReply, SessionReply, TokenReply } from './schemas.ts'

export const tokensExample: TokenReply = {
  access_token: example.accessToken,
  token_type: 'Bearer',
  expires_in: 900,
  refresh_token: example.refreshToken,
  refresh_expires_in: 2_592_000,
  session_id: example.sessionId,
}

export const sessionExample: SessionReply = { ...tokensExample, user: userExample }

export const liveSessionExample: v.InferInput<typeof liveSessionReply> = {
  id: example.sessionId,
  created_at: example.time,
  last_used_at: example.time,
  expires_at: example.later,
  ip: example.ip,
  user_agent: example.userAgent,
  browser: 'Firefox',
  system: 'Linux',
  current: true,
}
