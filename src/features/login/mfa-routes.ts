import * as v from 'valibot'
import * as field from '../../platform/base/fields.ts'
import { example } from '../../platform/catalog/examples.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import type { Route } from '../../platform/http/route.ts'
import { evidenceForms } from '../factors/evidence.ts'
import { sessionExample } from '../sessions/examples.ts'
import { resolveAudience } from '../sessions/resolve-audience.ts'
import { route } from '../sessions/route.ts'
import { sessionReply } from '../sessions/schemas.ts'
import { tokenOptions, tokensBy } from '../sessions/token-transport.ts'
import { completeSecondStep } from './complete-second-step.ts'

const shared = {
  mfa_token: field.opaqueToken,
  ...tokenOptions,
}

const postLoginMfa = route({
  method: 'POST',
  path: '/api/v1/auth/login/mfa',
  summary: 'Complete a sign-in by its second step',
  description:
    'Takes the `mfa_token` of `MFA_REQUIRED` and evidence by one of its `methods`: `code` of an authenticator app (`totp`), `recovery_code`, `credential` of a passkey (the answer to `passkey_options`), or `password`. Success uses up the token, and so do five wrong codes. After ten wrong codes, over all sign-ins, the second factor of the account waits: `429` with `Retry-After`. Devices that have signed in before have a count of their own.',
  auth: 'none',
  limits: ['login_mfa'],
  body: v.union([...evidenceForms(shared), v.strictObject({ ...shared, password: field.password })]),
  replies: { 200: sessionReply },
  cookie: 'set',
  problems: [
    'VALIDATION_ERROR',
    'INVALID_TOKEN',
    'INVALID_MFA_CODE',
    'INVALID_PASSKEY',
    'INVALID_CREDENTIALS',
    'RATE_LIMIT_EXCEEDED',
  ],
  example: {
    body: { mfa_token: example.mfaToken, code: '117810', token_transport: 'body' },
    reply: sessionExample,
  },
  handle: async (deps, { body, client, refundLimits }) => {
    const {
      mfa_token: mfaToken,
      token_transport: transport = 'body',
      audience: requested,
      ...evidence
    } = body
    const audience = resolveAudience(deps, requested)
    if (audience instanceof Problem) return audience
    const done = await completeSecondStep(deps, { mfaToken, evidence, audience, origin: client })
    if (done instanceof Problem) return done
    const limits = done.isExemptFromIpLimit ? await refundLimits() : {}
    const { body: session, headers } = tokensBy(deps, done.session, transport)
    return { status: 200, body: session, headers: { ...limits, ...headers } }
  },
})

export const mfaRoutes: Route[] = [postLoginMfa]
