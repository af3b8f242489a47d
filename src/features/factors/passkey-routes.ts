import * as v from 'valibot'
import { Problem } from '../../platform/catalog/problems.ts'
import { passkeyOrigins } from '../../platform/config/relying-party.ts'
import type { Route } from '../../platform/http/route.ts'
import { route } from '../sessions/route.ts'
import { creationOptions, newPasskeyCredential } from '../webauthn/schemas.ts'
import { addPasskey } from './add-passkey.ts'
import { recoveryCodesExample } from './examples.ts'
import { offerPasskey } from './offer-passkey.ts'
import { creationOptionsExample, newPasskeyExample, passkeyFactorExample } from './passkey-examples.ts'
import { addedFactorReply, factorName } from './schemas.ts'
import { addedFactorView } from './view.ts'

const postPasskeyOptions = route({
  method: 'POST',
  path: '/api/v1/auth/factors/passkeys/options',
  summary: 'Ask for a new passkey',
  description:
    'Returns the options for `navigator.credentials.create`: give them to `PublicKeyCredential.parseCreationOptionsFromJSON`. The challenge belongs to this session and is valid for 5 minutes.',
  auth: 'bearer',
  singleFactor: 'allowed',
  fresh: true,
  limits: ['factors'],
  replies: { 200: creationOptions },
  problems: ['FACTOR_LIMIT_REACHED', 'PASSKEYS_UNAVAILABLE'],
  example: { reply: creationOptionsExample },
  unaudited: 'Changes nothing. Adding the passkey stores `factor.added`.',
  handle: async (deps, { user, sessionId }) => {
    const body = await offerPasskey(deps, { user, sessionId })
    return body instanceof Problem ? body : { status: 200, body }
  },
})

const postPasskey = route({
  method: 'POST',
  path: '/api/v1/auth/factors/passkeys',
  summary: 'Add a passkey',
  description:
    'Takes `toJSON()` of the credential that `navigator.credentials.create` returned. Adding a passkey counts as an authentication: this session has a second factor then, and your other sessions end. The first factor brings recovery codes, which are shown once. The session need not be fresh: its challenge was given to a fresh one. The owner gets an email with a link that undoes it.',
  auth: 'bearer',
  singleFactor: 'allowed',
  limits: ['factors'],
  body: v.strictObject({ name: v.exactOptional(factorName), credential: newPasskeyCredential }),
  replies: { 201: addedFactorReply },
  problems: [
    'VALIDATION_ERROR',
    'INVALID_PASSKEY',
    'PASSKEY_EXISTS',
    'FACTOR_LIMIT_REACHED',
    'SESSION_REVOKED',
  ],
  example: {
    body: { name: 'Laptop', credential: newPasskeyExample },
    reply: { factor: passkeyFactorExample, recovery_codes: recoveryCodesExample },
  },
  handle: async (deps, { user, sessionId, session, body, client }) => {
    const added = await addPasskey(deps, { ...body, user, sessionId, session, origin: client })
    return added instanceof Problem ? added : { status: 201, body: addedFactorView(added) }
  },
})

const getRelatedOrigins = route({
  method: 'GET',
  path: '/.well-known/webauthn',
  summary: 'List the origins that may use passkeys',
  description:
    'Browsers read it at the domain of the passkeys (`WEBAUTHN_RP_ID`) before a page of another domain may use them (WebAuthn Level 3, section 5.11). Serve it there.',
  auth: 'none',
  limits: [],
  cache: 'public, max-age=3600',
  etag: true,
  replies: { 200: v.object({ origins: v.array(v.string()) }) },
  problems: [],
  example: { reply: { origins: ['https://app.example.com'] } },
  handle: async ({ config }) => ({
    status: 200,
    body: { origins: passkeyOrigins(config).filter(origin => /^https?:/.test(origin)) },
  }),
})

export const passkeyRoutes: Route[] = [postPasskeyOptions, postPasskey, getRelatedOrigins]
