/**
 * Who may call a route:
 *
 * - `none`: anyone.
 * - `optional`: anyone, but credentials that are sent must be valid.
 * - `bearer`: the bearer of an access token of a live session.
 * - `anyBearer`: such a bearer, or the token of a live machine client.
 * - `admin`: such a bearer with the role `admin`, or the token of a machine client that has the scope of the route.
 * - `refresh`: the holder of a refresh token, in the body or the cookie.
 * - `bearerOrRefresh`: either of them, to end a session. An expired access token and an ended session are accepted.
 * - `client`: a machine client with its id and secret. If the route names a scope, the client must have it.
 */
export type Auth =
  | 'none'
  | 'optional'
  | 'bearer'
  | 'anyBearer'
  | 'admin'
  | 'refresh'
  | 'bearerOrRefresh'
  | 'client'
