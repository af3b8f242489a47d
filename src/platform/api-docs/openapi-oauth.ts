import type { ProblemDefinition } from '../catalog/problem-definition.ts'
import { oauthErrorOf } from '../http/oauth-json.ts'

/** The credentials of machine clients: a secret for `/oauth`, and the token that it buys for other routes. */
export const machineSchemes = (tokenUrl: string, scopes: Readonly<Record<string, string>>) => ({
  clientSecret: {
    type: 'http',
    scheme: 'basic',
    description:
      'Id and secret of a machine client (`client_secret_basic`). They may be the parameters `client_id` and `client_secret` of the form instead.',
  },
  machineToken: {
    type: 'oauth2',
    description: 'The token of a machine client.',
    flows: { clientCredentials: { tokenUrl, scopes } },
  },
})

/** The body of an error reply below `/oauth` (RFC 6749, section 5.2). */
export const oauthError = {
  title: 'OAuthError',
  type: 'object',
  description: 'RFC 6749, section 5.2. `error_description` is for the developer of the client.',
  required: ['error', 'error_description'],
  properties: { error: { type: 'string' }, error_description: { type: 'string' } },
}

/** What an error reply of this status may say. */
export const oauthReply = (found: readonly ProblemDefinition[]) => {
  const errors = new Set(found.map(oauthErrorOf))
  return {
    description: found.map(problem => `\`${oauthErrorOf(problem)}\`: ${problem.title}.`).join('\n\n'),
    content: { 'application/json': { schema: { $ref: '#/components/schemas/OAuthError' } } },
    'x-oauth-errors': [...errors],
  }
}
