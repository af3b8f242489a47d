import * as v from 'valibot'
import * as field from '../base/fields.ts'
import { Problem } from '../base/problems.ts'
import { type Route, route } from '../http/route.ts'
import { endAllSessions } from './end-all-sessions.ts'
import { endSession } from './end-session.ts'
import { refreshSession } from './refresh-session.ts'
import { tokenReply } from './rules.ts'

const postRefresh = route({
  method: 'POST',
  path: '/api/v1/auth/refresh',
  summary: 'Exchange a refresh token',
  description:
    'Gives a new access token and the next refresh token. Asked again with the same token within 10 seconds (a lost reply, a second tab) it gives the same next token. A token that comes back later, or after its successor was used, counts as stolen and ends the session.',
  auth: 'refresh',
  limits: ['refresh'],
  body: v.strictObject({ refresh_token: field.opaqueToken }),
  replies: { 200: tokenReply },
  problems: ['INVALID_REFRESH_TOKEN'],
  handle: async (deps, { refresh, client }) => {
    const tokens = await refreshSession(deps, { token: refresh, origin: client })
    return tokens instanceof Problem ? tokens : { status: 200, body: tokens }
  },
})

const postLogout = route({
  method: 'POST',
  path: '/api/v1/auth/logout',
  summary: 'End this session',
  description:
    'Takes an access token (an expired one will do) or a refresh token. An unknown token is answered the same.',
  auth: 'either',
  limits: ['anonymous'],
  body: v.strictObject({ refresh_token: v.exactOptional(field.opaqueToken) }),
  replies: { 204: 'empty' },
  problems: [],
  handle: async (deps, { sessions }) => {
    for (const session of sessions) await endSession(deps, session)
    return { status: 204 }
  },
})

const postLogoutAll = route({
  method: 'POST',
  path: '/api/v1/auth/logout-all',
  summary: 'End every session of yours',
  auth: 'bearer',
  limits: ['bearer'],
  replies: { 204: 'empty' },
  problems: [],
  handle: async (deps, { user }) => {
    await endAllSessions(deps, user.id)
    return { status: 204 }
  },
})

export const sessionRoutes: Route[] = [postRefresh, postLogout, postLogoutAll]
