import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Route } from '../../platform/http/route.ts'
import { route } from '../sessions/route.ts'
import { userExample } from '../users/examples.ts'
import { userReply } from '../users/schemas.ts'
import { userView } from '../users/view.ts'
import { deletionRoutes } from './deletion-routes.ts'
import { exportExample, profileExample } from './examples.ts'
import { exportAccount } from './export-account.ts'
import { registrationRoutes } from './registration-routes.ts'
import { exportReply, profileEntries } from './schemas.ts'
import { updateProfile } from './update-profile.ts'

const profileChange = v.strictObject({
  ...profileEntries,
  picture_url: v.exactOptional(v.nullable(field.httpsUrl)),
})

const path = '/api/v1/auth/me'

const getMe = route({
  method: 'GET',
  path,
  summary: 'Read your account',
  auth: 'bearer',
  singleFactor: 'allowed',
  limits: ['bearer'],
  replies: { 200: userReply },
  problems: [],
  example: { reply: userExample },
  handle: async (_deps, { user }) => ({ status: 200, body: userView(user) }),
})

const changeMe = (method: 'PATCH' | 'PUT') =>
  route({
    method,
    path,
    summary: method === 'PATCH' ? 'Change your profile' : 'Change your profile (by PUT)',
    description: 'Changes only the fields in the request. `null` clears a field.',
    auth: 'bearer',
    limits: ['bearer'],
    body: profileChange,
    replies: { 200: userReply },
    problems: ['SESSION_REVOKED'],
    example: { body: { ...profileExample, picture_url: userExample.picture_url }, reply: userExample },
    handle: async (deps, { user, sessionId, body, client }) => {
      const changed = await updateProfile(deps, { user, sessionId, profile: body, origin: client })
      return changed instanceof Problem ? changed : { status: 200, body: userView(changed) }
    },
  })

const getExport = route({
  method: 'GET',
  path: `${path}/export`,
  summary: 'Export your data',
  description:
    'Returns everything that is stored about you. Each export is an audit event (`user.exported`) and sends you an email, so that you notice if a thief uses your session to read it. It asks for no password.',
  auth: 'bearer',
  fresh: 'with_factor',
  limits: ['bearer', 'export'],
  size: 'large',
  replies: { 200: exportReply },
  problems: ['RATE_LIMIT_EXCEEDED'],
  example: { reply: exportExample },
  handle: async (deps, { user, sessionId, client, head }) => {
    const exported = await exportAccount(deps, { user, sessionId, origin: client, isNotified: !head })
    return exported instanceof Problem ? exported : { status: 200, body: exported }
  },
})

export const accountRoutes: Route[] = [
  ...registrationRoutes,
  getMe,
  changeMe('PATCH'),
  changeMe('PUT'),
  getExport,
  ...deletionRoutes,
]
