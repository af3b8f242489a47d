// The reasons of problems that have several: the `detail` of RFC 9457, for the developer of a client. A code that is missing
// here has one reason, or its reasons must stay secret. The reason why a password or an emailed token is refused would
// reveal which addresses have an account.

export const details = {
  FORBIDDEN: {
    no_origin:
      'The request uses the session cookie, but has neither an `Origin` header nor `Sec-Fetch-Site: same-origin`. Send it from a page with `fetch`, or send the refresh token in the body.',
    foreign_origin:
      'The request uses the session cookie, and its `Origin` is neither that of `PUBLIC_URL` nor one of `CORS_ORIGINS`.',
    not_json:
      'A request that uses the session cookie needs `Content-Type: application/json`, even without a body.',
    role: 'The user does not have the required role.',
    machine: 'The token belongs to a machine client, and this is only for users.',
    user: 'The token belongs to a user, and this is only for machine clients.',
    recovery_codes:
      'Recovery codes have no name of their own, and go with the last other factor. `POST /api/v1/auth/factors/recovery-codes` replaces them.',
    last_admin: 'This user is the last administrator. Make another user an administrator first.',
  },
  EMAIL_NOT_VERIFIED: {
    promotion: 'Only a user with a verified email address can become an administrator.',
    session:
      'The service requires a verified email address, even in a session that began before. Verify the address: the session then continues.',
    token:
      'The access token was issued before the email address was verified. Verify it, then refresh the token.',
  },
  INVALID_REFRESH_TOKEN: {
    missing: 'The request carries no refresh token: no `refresh_token` in its body and no session cookie.',
  },
  NOT_FOUND: {
    authenticator_app:
      'No authenticator app waits for its code in this session. Ten minutes or five wrong codes are over, or another session asked for it. Begin again with `POST /api/v1/auth/factors/totp`.',
  },
  DUPLICATE_ENTRY: {
    email: 'Another account has this email address.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    json: 'The header must be `Content-Type: application/json`.',
    form: 'The header must be `Content-Type: application/x-www-form-urlencoded`.',
    charset: 'The charset of `Content-Type` must be `utf-8` or absent.',
    encoding: 'The `Content-Encoding` must be `gzip`, `deflate`, `br` or absent.',
    signed_encoding:
      'A signed body must not have a `Content-Encoding`: the signature covers the bytes as they are sent.',
  },
} as const
