import * as v from 'valibot'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Route } from '../../platform/http/route.ts'
import { route } from '../sessions/route.ts'
import { confirmTotp } from './confirm-totp.ts'
import { totpCode } from './evidence.ts'
import { recoveryCodesExample, totpExample } from './examples.ts'
import { addedFactorReply, factorName } from './schemas.ts'
import { startTotp } from './start-totp.ts'
import { addedFactorView } from './view.ts'

const secret = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP'

const postTotp = route({
  method: 'POST',
  path: '/api/v1/auth/factors/totp',
  summary: 'Ask for a new authenticator app',
  description:
    'Returns the secret of an authenticator app (RFC 6238: SHA-1, 6 digits, 30 seconds), the only time that it is shown: as base32 to type, as `otpauth` address and as QR code. Nothing changes until this session confirms it by a code within 10 minutes. Asking again replaces it. A user has up to 5 authenticator apps.',
  auth: 'bearer',
  fresh: true,
  singleFactor: 'allowed',
  limits: ['factors'],
  replies: {
    201: v.object({ id: v.string(), secret: v.string(), otpauth_uri: v.string(), qr_svg: v.string() }),
  },
  problems: ['FACTOR_LIMIT_REACHED', 'SESSION_REVOKED'],
  example: {
    reply: {
      id: totpExample.id,
      secret,
      otpauth_uri: `otpauth://totp/Latchkey:ada%40example.com?issuer=Latchkey&secret=${secret}&algorithm=SHA1&digits=6&period=30`,
      qr_svg: '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 530 530">…</svg>',
    },
  },
  unaudited: 'Changes nothing. The first code of the app stores `factor.added`.',
  handle: async (deps, { user, sessionId }) => {
    const started = await startTotp(deps, { user, sessionId })
    if (started instanceof Problem) return started
    const { id, secret, uri, svg } = started
    return { status: 201, body: { id, secret, otpauth_uri: uri, qr_svg: svg } }
  },
})

const postConfirm = route({
  method: 'POST',
  path: '/api/v1/auth/factors/totp/confirm',
  summary: 'Confirm an authenticator app',
  description:
    'Takes the code that the app shows. It is used up by that: sign in with a later one. Confirming counts as an authentication: this session has a second factor then, and your other sessions end. The first factor brings recovery codes, which are shown once. After 5 wrong codes, after 10 minutes, or in another session than the one that asked for the app: `NOT_FOUND`. The owner gets an email with a link that undoes it.',
  auth: 'bearer',
  singleFactor: 'allowed',
  limits: ['factors'],
  body: v.strictObject({ code: totpCode, name: v.exactOptional(factorName) }),
  replies: { 200: addedFactorReply },
  problems: ['INVALID_MFA_CODE', 'NOT_FOUND', 'SESSION_REVOKED'],
  example: {
    body: { code: '048213', name: 'Phone' },
    reply: { factor: totpExample, recovery_codes: recoveryCodesExample },
  },
  handle: async (deps, { user, sessionId, session, body, client }) => {
    const added = await confirmTotp(deps, { ...body, user, sessionId, session, origin: client })
    return added instanceof Problem ? added : { status: 200, body: addedFactorView(added) }
  },
})

export const totpRoutes: Route[] = [postTotp, postConfirm]
