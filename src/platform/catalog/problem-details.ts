// Which of several reasons a problem has: `detail` of RFC 9457, in words for the developer of a client. A code that is not
// here has one reason, or its reasons must not be told apart: the reason why a password or a mailed token is refused would
// tell which addresses have an account.

export const details = {
  FORBIDDEN: {
    no_origin:
      'The request counts on the session cookie but has no `Origin` header, and no `Sec-Fetch-Site: same-origin` in its place. Send it from a page by `fetch`, or send the refresh token in the body.',
    foreign_origin:
      'The request counts on the session cookie, and its `Origin` is neither that of `PUBLIC_URL` nor one of `CORS_ORIGINS`.',
    not_json:
      'A request that counts on the session cookie needs `Content-Type: application/json`, also where it has no body.',
    role: 'The user does not have the role that this needs.',
    last_admin: 'This user is the last administrator. Make another user an administrator first.',
  },
  EMAIL_NOT_VERIFIED: {
    promotion: 'Only a user whose email address is verified can become an administrator.',
    session:
      'The service asks for a verified email address, also in a session that began before it did. Verify the address: the session then goes on.',
    token:
      'The access token was issued before the email address was verified. Verify it, then refresh the token.',
  },
  INVALID_REFRESH_TOKEN: {
    missing: 'The request carries no refresh token: no `refresh_token` in its body and no session cookie.',
  },
  DUPLICATE_ENTRY: {
    email: 'Another account has this email address by now.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    json: 'The header must be `Content-Type: application/json`.',
    form: 'The header must be `Content-Type: application/x-www-form-urlencoded`.',
    charset: 'The charset of `Content-Type` must be `utf-8`, or be left out.',
    encoding: 'The `Content-Encoding` must be one of `gzip`, `deflate`, `br`, or be left out.',
    signed_encoding:
      'A signed body must not have a `Content-Encoding`: the signature covers the bytes as they are sent.',
  },
} as const
