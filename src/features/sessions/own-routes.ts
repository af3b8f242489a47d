import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'
import { example } from '../../platform/catalog/examples.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { clearCookie } from '../../platform/http/cookie.ts'
import type { Route } from '../../platform/http/route.ts'
import { endSession } from './end-session.ts'
import { liveSessionExample } from './examples.ts'
import { listSessions } from './list-sessions.ts'
import { route } from './route.ts'
import { liveSessionReply } from './schemas.ts'
import { isCookieOf } from './token-transport.ts'

const getSessions = route({
  method: 'GET',
  path: '/api/v1/auth/sessions',
  summary: 'List your sessions',
  description:
    '`created_before_verification` marks a session that started before the address was verified. Ask the user about it: another person may have registered the address.',
  auth: 'bearer',
  singleFactor: 'allowed',
  limits: ['session_list'],
  replies: { 200: v.object({ data: v.array(liveSessionReply), next_cursor: v.null() }) },
  problems: [],
  example: { reply: { data: [liveSessionExample], next_cursor: null } },
  handle: async (deps, { user, sessionId }) => ({
    status: 200,
    // A user has at most twenty sessions: one page.
    body: { data: await listSessions(deps, { user, currentId: sessionId }), next_cursor: null },
  }),
})

const deleteSession = route({
  method: 'DELETE',
  path: '/api/v1/auth/sessions/:id',
  summary: 'End one of your sessions',
  description: 'Never rate limited.',
  cookie: 'clear',
  auth: 'bearer',
  unverified: 'allowed',
  singleFactor: 'allowed',
  limits: [],
  params: v.strictObject({ id: field.uuid }),
  replies: { 204: 'empty' },
  problems: ['NOT_FOUND'],
  example: { params: { id: example.sessionId } },
  handle: async (deps, { user, params, client, cookie }) => {
    const ended = await endSession(deps, { userId: user.id, sessionId: params.id, origin: client })
    if (!ended) return new Problem('NOT_FOUND')
    return { status: 204, headers: isCookieOf(deps, cookie, params.id) ? clearCookie(cookie) : {} }
  },
})

export const ownSessionRoutes: Route[] = [getSessions, deleteSession]
