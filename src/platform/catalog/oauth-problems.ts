import { defineProblems } from './problem-definition.ts'

/**
 * Problems of machine clients. Below `/oauth`, a reply has `oauthError` instead of the code (RFC 6749, section 5.2; RFC 6750,
 * section 3.1; RFC 7009, section 2.2.1; RFC 8707, section 2).
 */
export const oauthProblems = defineProblems({
  INVALID_CLIENT: {
    status: 401,
    title: 'The client is not authenticated',
    help: 'The request has no client id and secret, or they are wrong, or the client was revoked. Send them by HTTP Basic, or as `client_id` and `client_secret` of the form.',
    oauthError: 'invalid_client',
  },
  INVALID_SCOPE: {
    status: 400,
    title: 'The scope is not one of the client',
    help: 'Ask only for scopes that the client has, separated by single spaces. Without `scope` the token has all of them.',
    oauthError: 'invalid_scope',
  },
  INVALID_TARGET: {
    status: 400,
    title: 'Tokens for this service are not issued',
    help: 'Ask for a token of one service by `resource`: `PUBLIC_URL` or an address of `AUDIENCES`. Without it the token is for `PUBLIC_URL`.',
    oauthError: 'invalid_target',
  },
  INSUFFICIENT_SCOPE: {
    status: 403,
    title: 'The machine client lacks a scope',
    help: '`WWW-Authenticate` names the scopes that the request needs. A machine client can also manage only clients whose scopes it has itself.',
    oauthError: 'insufficient_scope',
  },
  UNSUPPORTED_GRANT_TYPE: {
    status: 400,
    title: 'The grant type is not supported',
    help: 'The only grant type is `client_credentials`. Users sign in at `/api/v1/auth/login`.',
    oauthError: 'unsupported_grant_type',
  },
  UNSUPPORTED_TOKEN_TYPE: {
    status: 400,
    title: 'Tokens of this type cannot be revoked',
    help: 'The token is that of a machine client. Revoke the client, or drop its secret.',
    oauthError: 'unsupported_token_type',
  },
  SECRET_LIMIT_REACHED: {
    status: 409,
    title: 'The machine client has two secrets',
    help: 'A client has up to two secrets, so that one can be replaced without an outage. Drop the one that is not in use.',
  },
})
