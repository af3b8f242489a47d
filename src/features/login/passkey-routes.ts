import * as v from 'valibot'
import { requestOptions } from '../../platform/catalog/passkey-request-options.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { hasPasskeys } from '../../platform/config/relying-party.ts'
import type { Route } from '../../platform/http/route.ts'
import { passkeyExample, requestOptionsExample } from '../factors/passkey-examples.ts'
import { requestPasskey } from '../factors/request-passkey.ts'
import { sessionExample } from '../sessions/examples.ts'
import { resolveAudience } from '../sessions/resolve-audience.ts'
import { route } from '../sessions/route.ts'
import { sessionReply } from '../sessions/schemas.ts'
import { tokenOptions, tokensBy } from '../sessions/token-transport.ts'
import { signInCeremony } from '../webauthn/ceremony.ts'
import { passkeyCredential } from '../webauthn/schemas.ts'
import { loginByPasskey } from './login-by-passkey.ts'

const postLoginPasskeyOptions = route({
  method: 'POST',
  path: '/api/v1/auth/login/passkey/options',
  summary: 'Ask for a passkey to sign in',
  description:
    'Returns the options for `navigator.credentials.get`: give them to `PublicKeyCredential.parseRequestOptionsFromJSON`. The user chooses the account in the browser, so the list of credentials is empty. The challenge is valid once, for 5 minutes.',
  auth: 'none',
  limits: ['passkey_options'],
  body: v.strictObject({}),
  replies: { 200: requestOptions },
  problems: ['VALIDATION_ERROR', 'PASSKEYS_UNAVAILABLE', 'RATE_LIMIT_EXCEEDED'],
  example: { body: {}, reply: requestOptionsExample },
  unaudited: 'Changes nothing. The sign-in stores `login.succeeded` or `login.failed`.',
  handle: async deps => {
    if (!hasPasskeys(deps.config)) return new Problem('PASSKEYS_UNAVAILABLE')
    return { status: 200, body: await requestPasskey(deps, signInCeremony, null) }
  },
})

const postLoginPasskey = route({
  method: 'POST',
  path: '/api/v1/auth/login/passkey',
  summary: 'Sign in with a passkey',
  description:
    'Takes `toJSON()` of the credential that `navigator.credentials.get` returned. If the authenticator did not verify the user (PIN or biometrics), the passkey is only possession: `403 MFA_REQUIRED` asks for the password or another factor. Every refused passkey gets the same reply.',
  auth: 'none',
  limits: ['login_passkey'],
  body: v.strictObject({
    credential: passkeyCredential,
    ...tokenOptions,
  }),
  replies: { 200: sessionReply },
  cookie: 'set',
  problems: [
    'VALIDATION_ERROR',
    'INVALID_PASSKEY',
    'MFA_REQUIRED',
    'RATE_LIMIT_EXCEEDED',
    'ACCOUNT_DEACTIVATED',
    'EMAIL_NOT_VERIFIED',
  ],
  example: { body: { credential: passkeyExample, token_transport: 'body' }, reply: sessionExample },
  handle: async (deps, { body, client, refundLimits }) => {
    const audience = resolveAudience(deps, body.audience)
    if (audience instanceof Problem) return audience
    const done = await loginByPasskey(deps, { credential: body.credential, audience, origin: client })
    if (done instanceof Problem) return done
    const limits = done.isExemptFromIpLimit ? await refundLimits() : {}
    const { body: session, headers } = tokensBy(deps, done.session, body.token_transport ?? 'body')
    return { status: 200, body: session, headers: { ...limits, ...headers } }
  },
})

export const passkeyLoginRoutes: Route[] = [postLoginPasskeyOptions, postLoginPasskey]
