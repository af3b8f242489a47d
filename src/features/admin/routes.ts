import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'
import { flagQuery, pageOf, pageQuery, pageReply, searchQuery } from '../../platform/base/pagination.ts'
import { example } from '../../platform/catalog/examples.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Route } from '../../platform/http/route.ts'
import { route } from '../sessions/route.ts'
import { userExample } from '../users/examples.ts'
import { userReply } from '../users/schemas.ts'
import { userView } from '../users/view.ts'
import { accessRoutes } from './access-routes.ts'
import { clientRoutes } from './client-routes.ts'
import { deleteUser } from './delete-user.ts'
import { listUsers } from './list-users.ts'
import { logRoutes } from './log-routes.ts'
import { readUser } from './read-user.ts'
import { updateUser } from './update-user.ts'

const byId = v.strictObject({ id: field.uuid })
const roles = v.pipe(
  v.array(v.picklist(['user', 'admin'])),
  v.minLength(1),
  v.maxLength(8),
  v.transform(names => [...new Set(names)]),
)

const common = { auth: 'admin', limits: ['bearer'] } as const
const changes = { ...common, fresh: true } as const

const getUsers = route({
  ...common,
  scope: 'users:read',
  method: 'GET',
  path: '/api/v1/admin/users',
  summary: 'List users',
  description: 'Newest first. `search` matches the beginning of an address or of a name.',
  query: v.strictObject({
    ...pageQuery,
    search: v.exactOptional(searchQuery),
    is_active: v.exactOptional(flagQuery),
    role: v.exactOptional(v.picklist(['user', 'admin'])),
  }),
  replies: { 200: pageReply(userReply) },
  problems: ['VALIDATION_ERROR'],
  example: {
    query: { limit: '50', search: 'ada', is_active: 'true', role: 'user' },
    reply: { data: [userExample], next_cursor: null },
  },
  handle: async (deps, { query }) => ({
    status: 200,
    body: pageOf(await listUsers(deps, query), query, userView),
  }),
})

const getUser = route({
  ...common,
  scope: 'users:read',
  method: 'GET',
  path: '/api/v1/admin/users/:id',
  summary: 'Read a user',
  params: byId,
  replies: { 200: userReply },
  problems: ['NOT_FOUND'],
  example: { params: { id: example.id }, reply: userExample },
  handle: async (deps, { params }) => {
    const user = await readUser(deps, params.id)
    return user instanceof Problem ? user : { status: 200, body: userView(user) }
  },
})

const patchUser = route({
  ...changes,
  scope: 'users:write',
  method: 'PATCH',
  path: '/api/v1/admin/users/:id',
  summary: 'Change the roles or the status of a user',
  description:
    'Deactivating a user or changing their roles ends every session of theirs. The last administrator keeps the role and stays active. A user without a verified address cannot become an administrator.',
  params: byId,
  body: v.strictObject({ is_active: v.exactOptional(v.boolean()), roles: v.exactOptional(roles) }),
  replies: { 200: userReply },
  problems: ['NOT_FOUND', 'FORBIDDEN', 'EMAIL_NOT_VERIFIED', 'INVALID_TOKEN'],
  example: {
    params: { id: example.id },
    body: { is_active: true, roles: ['user'] },
    reply: userExample,
  },
  handle: async (deps, { params, body, actor }) => {
    const updated = await updateUser(deps, { change: body, userId: params.id, ...actor })
    return updated instanceof Problem ? updated : { status: 200, body: userView(updated) }
  },
})

const removeUser = route({
  ...changes,
  scope: 'users:write',
  method: 'DELETE',
  path: '/api/v1/admin/users/:id',
  summary: 'Delete a user',
  params: byId,
  replies: { 204: 'empty' },
  problems: ['NOT_FOUND', 'FORBIDDEN', 'INVALID_TOKEN'],
  example: { params: { id: example.id } },
  handle: async (deps, { params, actor }) => {
    const refusal = await deleteUser(deps, { userId: params.id, ...actor })
    return refusal ?? { status: 204 }
  },
})

/** `auditTypes` are the types of audit event that a client may ask for. */
export const adminRoutes = (auditTypes: readonly string[]): Route[] => [
  getUsers,
  getUser,
  patchUser,
  removeUser,
  ...accessRoutes,
  ...clientRoutes,
  ...logRoutes(auditTypes),
]
