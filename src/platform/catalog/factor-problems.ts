import * as v from 'valibot'
import { factorMethods } from './factors.ts'
import { requestOptions } from './passkey-request-options.ts'
import { defineProblems } from './problem-definition.ts'

/** A reauthentication has `methods` only. */
const mfaRequired = v.object({
  mfa_token: v.pipe(
    v.exactOptional(v.string()),
    v.description('The token for `POST /api/v1/auth/login/mfa`, and for nothing else.'),
  ),
  expires_in: v.pipe(
    v.exactOptional(v.pipe(v.number(), v.integer())),
    v.description('How many seconds the token is valid.'),
  ),
  methods: v.pipe(
    v.array(v.picklist([...Object.values(factorMethods), 'password'])),
    v.description('How the user can continue.'),
  ),
  passkey_options: v.exactOptional(requestOptions),
})

/** Problems of second factors and passkeys. */
export const factorProblems = defineProblems({
  MFA_REQUIRED: {
    status: 403,
    title: 'A second factor is required',
    help: 'At a sign-in, its first step was right: send `mfa_token` and the evidence of one of `methods` to `POST /api/v1/auth/login/mfa` within `expires_in` seconds. At a reauthentication, the password alone is not enough: send the evidence of one of `methods` there.',
    members: mfaRequired,
  },
  MFA_ENROLLMENT_REQUIRED: {
    status: 403,
    title: 'The user must set up a second factor',
    help: 'The service or this request needs a second factor, and the user has none. Set one up at `POST /api/v1/auth/factors/totp` or `POST /api/v1/auth/factors/passkeys/options`, and repeat the request.',
  },
  INVALID_MFA_CODE: {
    status: 401,
    title: 'The code is wrong',
    help: 'The code is wrong, has expired or was used before. Each code works once: enter the next code of the authenticator app, or another recovery code. After too many wrong codes the account has to wait (`429` with `Retry-After`).',
  },
  INVALID_PASSKEY: {
    status: 401,
    title: 'The passkey was not accepted',
    help: 'The passkey is unknown, or its answer belongs to another request, page or user. Ask for new options and try again.',
  },
  PASSKEY_EXISTS: {
    status: 409,
    title: 'The passkey is registered already',
    help: 'The authenticator has answered with a passkey that an account uses. Nothing was changed. Sign in with it, or make another one.',
  },
  PASSKEYS_UNAVAILABLE: {
    status: 409,
    title: 'The service cannot use passkeys',
    help: 'Browsers bind passkeys to a domain name, and the host of `PUBLIC_URL` is an IP address. Serve the service under a domain name (on your own machine: `localhost`), or set `WEBAUTHN_RP_ID`. See `docs/configuration.md`.',
  },
  FACTOR_LIMIT_REACHED: {
    status: 409,
    title: 'The user has too many factors',
    help: 'A user has up to 20 passkeys and 5 authenticator apps. Remove one first.',
  },
})
