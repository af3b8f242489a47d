import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'
import { example } from '../../platform/catalog/examples.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Route } from '../../platform/http/route.ts'
import { endAllSessions } from '../sessions/end-all-sessions.ts'
import { route } from '../sessions/route.ts'
import { readUser } from './read-user.ts'
import { resetFactors } from './reset-factors.ts'

// What lets a user sign in or stay signed in, as an administrator ends it.

const changes = { auth: 'admin', limits: ['bearer'], fresh: true, scope: 'users:write' } as const
const byId = v.strictObject({ id: field.uuid })

const logoutUser = route({
  ...changes,
  method: 'POST',
  path: '/api/v1/admin/users/:id/logout',
  summary: 'End every session of a user',
  params: byId,
  replies: { 204: 'empty' },
  problems: ['NOT_FOUND'],
  example: { params: { id: example.id } },
  handle: async (deps, { params, actor }) => {
    const found = await readUser(deps, params.id)
    if (found instanceof Problem) return found
    await endAllSessions(deps, { userId: found.id, ...actor })
    return { status: 204 }
  },
})

const removeFactors = route({
  ...changes,
  method: 'DELETE',
  path: '/api/v1/admin/users/:id/factors',
  summary: 'Remove every second factor of a user',
  description:
    'For a user who has lost them. Passkeys, authenticator apps and recovery codes are removed permanently, every session ends, and the user gets an email. Check first that the user is the owner of the account: from then on the password is enough to sign in.',
  params: byId,
  replies: { 204: 'empty' },
  problems: ['NOT_FOUND', 'FORBIDDEN', 'INVALID_TOKEN'],
  example: { params: { id: example.id } },
  handle: async (deps, { params, actor }) => {
    const refusal = await resetFactors(deps, { userId: params.id, ...actor })
    return refusal ?? { status: 204 }
  },
})

export const accessRoutes: Route[] = [logoutUser, removeFactors]
