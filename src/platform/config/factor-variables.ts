import { parseOrigin } from './origins.ts'
import { list, oneOf, rule } from './variable-rules.ts'

const hostname =
  /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** The origin of an Android app: the SHA-256 of its signing certificate as base64url. */
const androidApp = /^android:apk-key-hash:[\w-]{43}$/

/** The variables about ways to sign in besides the password. */
export const factorVariables = {
  REQUIRE_MFA: {
    schema: oneOf('off', 'admins', 'all'),
    default: 'off',
    help: 'Who needs a second factor. `admins`: the routes of administrators refuse a session without one. `all`: a user without a factor gets a session that can only set one up, and a session without a second factor must authenticate again by one.',
  },
  PASSKEYS_AS: {
    schema: oneOf('second_factor', 'first_factor_only'),
    default: 'second_factor',
    help: 'What a passkey is to a user who signs in by password. `second_factor`: the sign-in also asks for the passkey. `first_factor_only`: the passkey only replaces the password.',
  },
  WEBAUTHN_RP_ID: {
    schema: rule('must be a domain name in lower case, such as example.com', text =>
      hostname.test(text) ? text : null,
    ),
    example: 'example.com',
    help: 'The domain that passkeys belong to (relying party). Every later change makes all passkeys useless. It must be the host of `PUBLIC_URL` or of one of `WEBAUTHN_ORIGINS`, or a domain above it. Unset: the host of `PUBLIC_URL`; if that is an IP address, passkeys are off. Set it to the common domain if your pages are on another subdomain.',
  },
  WEBAUTHN_ORIGINS: {
    schema: list(
      'must be a comma-separated list of origins such as https://app.example.com: each a scheme, a host and an optional port, or that of an Android app (android:apk-key-hash:…)',
      text => (androidApp.test(text) ? text : parseOrigin(text)),
    ),
    default: '',
    httpsInProduction: true,
    help: 'The origins of the pages that may use passkeys, comma-separated, matched exactly. That of an Android app is `android:apk-key-hash:` with the SHA-256 of its certificate as base64url. Unset: the origins of `PUBLIC_URL` and `FRONTEND_URL`.',
  },
  EMAIL_LOGIN: {
    schema: oneOf('off', 'on'),
    default: 'off',
    help: '`on`: users can sign in with a code that is sent to their address.',
  },
} as const
