type Common = Readonly<{
  /** The `PUBLIC_URL` of the instance that issued the token. */
  iss: string
  /** The service that the token is for. */
  aud: string
  /** Times are in RFC 3339. */
  iat: string
  exp: string
}>

/** The claims of a user's access token, as of `iat`. */
export type UserClaims = Common &
  Readonly<{
    /** The id of the user. */
    sub: string
    /** The id of the session. */
    sid: string
    email: string
    email_verified: boolean
    roles: readonly string[]
    name?: string
    lang?: string
    /** How the user authenticated (RFC 8176): `pwd`, `otp`, … */
    amr: readonly string[]
    /** `aal1`, or `aal2` after a second factor. */
    acr: string
    /** When the user authenticated. A refresh does not move it. */
    auth_time: string
    client_id?: never
    scope?: never
  }>

/** The claims of the access token of a machine client. */
export type MachineClaims = Common &
  Readonly<{
    /** The id of the client. */
    sub: string
    client_id: string
    /** Scopes, separated by spaces. */
    scope: string
    sid?: never
  }>

/** The claims of an access token. A user's have `sid`, those of a machine client have `client_id`. */
export type Claims = UserClaims | MachineClaims
