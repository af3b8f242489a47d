import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Route } from '../../platform/http/route.ts'
import { route } from '../sessions/route.ts'
import { recoveryCodesExample, recoveryCodesFactorExample, totpExample } from './examples.ts'
import { listFactors } from './list-factors.ts'
import { passkeyFactorExample } from './passkey-examples.ts'
import { passkeyRoutes } from './passkey-routes.ts'
import { removeFactor } from './remove-factor.ts'
import { renameFactor } from './rename-factor.ts'
import { replaceRecoveryCodes } from './replace-recovery-codes.ts'
import { factorName, factorReply, recoveryCodesReply } from './schemas.ts'
import { totpRoutes } from './totp-routes.ts'
import { undoFactorRoutes } from './undo-routes.ts'
import { factorView } from './view.ts'

const factorId = v.strictObject({ id: field.uuid })

const getFactors = route({
  method: 'GET',
  path: '/api/v1/auth/factors',
  summary: 'List your second factors',
  description:
    'Lists authenticator apps, passkeys and recovery codes, the oldest first. `last_used_at` is the latest sign-in or confirmation with it.',
  auth: 'bearer',
  singleFactor: 'allowed',
  limits: ['bearer'],
  replies: { 200: v.object({ data: v.array(factorReply) }) },
  problems: [],
  example: { reply: { data: [totpExample, passkeyFactorExample, recoveryCodesFactorExample] } },
  handle: async (deps, { user }) => ({ status: 200, body: { data: await listFactors(deps, user.id) } }),
})

const postRecoveryCodes = route({
  method: 'POST',
  path: '/api/v1/auth/factors/recovery-codes',
  summary: 'Replace your recovery codes',
  description:
    'Returns ten new recovery codes, the only time that they are shown. The old ones stop working. The user needs another factor. The owner gets an email with a link that removes the new ones.',
  auth: 'bearer',
  fresh: true,
  limits: ['factors'],
  replies: { 200: v.object({ recovery_codes: recoveryCodesReply }) },
  problems: ['MFA_ENROLLMENT_REQUIRED', 'SESSION_REVOKED'],
  example: { reply: { recovery_codes: recoveryCodesExample } },
  handle: async (deps, { user, sessionId, client }) => {
    const replaced = await replaceRecoveryCodes(deps, { user, sessionId, origin: client })
    return replaced instanceof Problem ? replaced : { status: 200, body: { recovery_codes: replaced.codes } }
  },
})

const patchFactor = route({
  method: 'PATCH',
  path: '/api/v1/auth/factors/:id',
  summary: 'Rename one of your second factors',
  auth: 'bearer',
  limits: ['factors'],
  params: factorId,
  body: v.strictObject({ name: factorName }),
  replies: { 200: factorReply },
  problems: ['FORBIDDEN', 'NOT_FOUND', 'SESSION_REVOKED'],
  example: { params: { id: totpExample.id }, body: { name: totpExample.name }, reply: totpExample },
  handle: async (deps, { user, sessionId, params, body, client }) => {
    const renaming = { user, sessionId, id: params.id, name: body.name, origin: client }
    const renamed = await renameFactor(deps, renaming)
    return renamed instanceof Problem ? renamed : { status: 200, body: factorView(renamed) }
  },
})

const deleteFactor = route({
  method: 'DELETE',
  path: '/api/v1/auth/factors/:id',
  summary: 'Remove one of your second factors',
  description:
    'Your other sessions end: a thief who has the lost device may have signed in with it. The last other factor takes the recovery codes with it, and they cannot be removed alone. The owner gets an email with a link that undoes it for 7 days.',
  auth: 'bearer',
  fresh: true,
  limits: ['factors'],
  params: factorId,
  replies: { 204: 'empty' },
  problems: ['FORBIDDEN', 'NOT_FOUND', 'SESSION_REVOKED'],
  example: { params: { id: totpExample.id } },
  handle: async (deps, { user, sessionId, session, params, client }) => {
    const removal = { user, sessionId, session, id: params.id, origin: client }
    return (await removeFactor(deps, removal)) ?? { status: 204 }
  },
})

export const factorRoutes: Route[] = [
  getFactors,
  ...totpRoutes,
  ...passkeyRoutes,
  postRecoveryCodes,
  patchFactor,
  deleteFactor,
  ...undoFactorRoutes,
]
