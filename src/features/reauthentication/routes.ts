import { example } from '../../platform/catalog/examples.ts'
import { requestOptions } from '../../platform/catalog/passkey-request-options.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { hasPasskeys } from '../../platform/config/relying-party.ts'
import type { Route } from '../../platform/http/route.ts'
import { requestOptionsExample } from '../factors/passkey-examples.ts'
import { requestPasskey } from '../factors/request-passkey.ts'
import { tokensExample } from '../sessions/examples.ts'
import { resolveAudience } from '../sessions/resolve-audience.ts'
import { route } from '../sessions/route.ts'
import { reauthenticate } from './reauthenticate.ts'
import { reauthenticationCeremony } from './reauthentication-ceremony.ts'
import { reauthenticationBody, reauthenticationReply } from './schemas.ts'

const postReauthenticate = route({
  method: 'POST',
  path: '/api/v1/auth/reauthenticate',
  summary: 'Authenticate again in your session',
  description:
    'Makes the session fresh for `FRESH_FOR`, as `REAUTHENTICATION_REQUIRED` asks. Takes the password, or the evidence of a factor: a code of an authenticator app, a recovery code, or a passkey (see `/auth/reauthenticate/options`). The password of a user with a second factor is not enough (`403 MFA_REQUIRED` with `methods`). The reply has an access token with the new `auth_time`, `amr` and `acr`. Older tokens of the session stay valid, and the session is fresh for them too. The refresh token stays the same. A wrong password or code counts as a guess. `audience` names the service that the access token is for.',
  auth: 'bearer',
  singleFactor: 'allowed',
  limits: ['reauthenticate'],
  body: reauthenticationBody,
  replies: { 200: reauthenticationReply },
  problems: [
    'VALIDATION_ERROR',
    'NO_PASSWORD',
    'MFA_REQUIRED',
    'INVALID_CURRENT_PASSWORD',
    'INVALID_MFA_CODE',
    'INVALID_PASSKEY',
    'RATE_LIMIT_EXCEEDED',
    'SESSION_REVOKED',
  ],
  example: {
    body: { password: example.password },
    reply: { access_token: tokensExample.access_token, token_type: 'Bearer', expires_in: 900 },
  },
  handle: async (deps, { user, sessionId, session, body, client }) => {
    const { audience: requested, ...evidence } = body
    const audience = resolveAudience(deps, requested)
    if (audience instanceof Problem) return audience
    const done = await reauthenticate(deps, { user, sessionId, session, evidence, audience, origin: client })
    if (done instanceof Problem) return done
    const expires_in = deps.config.ACCESS_TOKEN_TTL / 1000
    return {
      status: 200,
      body: { access_token: done.accessToken, token_type: 'Bearer' as const, expires_in },
    }
  },
})

const postOptions = route({
  method: 'POST',
  path: '/api/v1/auth/reauthenticate/options',
  summary: 'Ask for a passkey to authenticate again',
  description:
    'Returns what `navigator.credentials.get` needs (`PublicKeyCredential.parseRequestOptionsFromJSON`), with the passkeys of the user. Send the answer as `credential` to `/auth/reauthenticate` within 5 minutes. It is good for one attempt in this session.',
  auth: 'bearer',
  singleFactor: 'allowed',
  limits: ['factors'],
  replies: { 200: requestOptions },
  problems: ['PASSKEYS_UNAVAILABLE'],
  example: { reply: requestOptionsExample },
  unaudited: 'Changes nothing but a challenge that expires. The reauthentication itself is audited.',
  handle: async (deps, { user, sessionId }) => {
    if (!hasPasskeys(deps.config)) return new Problem('PASSKEYS_UNAVAILABLE')
    return {
      status: 200,
      body: await requestPasskey(deps, reauthenticationCeremony(user, sessionId), user),
    }
  },
})

export const reauthenticationRoutes: Route[] = [postReauthenticate, postOptions]
