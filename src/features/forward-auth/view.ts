import { acrOf } from '../sessions/authentication.ts'
import type { AnyCaller } from '../sessions/types.ts'

/** The headers that tell the service behind a proxy who sends the request, with their meaning. */
export const callerHeaders = {
  'X-Auth-User': 'The id of the user.',
  'X-Auth-Email': 'The email address of the user, in its canonical form: ASCII, the domain as A-labels.',
  'X-Auth-Email-Verified': '`true` or `false`.',
  'X-Auth-Roles': 'The roles of the user, separated by commas.',
  'X-Auth-Session': 'The id of the session.',
  'X-Auth-Acr': '`aal1`, or `aal2` if the user of the session authenticated with two factors.',
  'X-Auth-Client': 'The id of the machine client, in place of the headers of a user.',
  'X-Auth-Scope': 'The scopes of the machine client, separated by spaces.',
} as const

type CallerHeaders = { [name in keyof typeof callerHeaders]?: string }

// No value can hold a control character, and of those with one value none holds a comma: a proxy that merges or splits headers would
// otherwise read another caller. An address that the service did not store itself could, so it fails here (500).
const safeValue = /^[!-+\--~]+$/

/** The headers of a caller. Throws if the stored address cannot be sent in a header. */
export const headersOfCaller = ({ user, sessionId, session, machine }: AnyCaller): CallerHeaders => {
  if (machine) return { 'X-Auth-Client': machine.id, 'X-Auth-Scope': machine.scopes.join(' ') }
  if (!safeValue.test(user.email)) throw new Error('an email address is not fit for a header')
  return {
    'X-Auth-User': user.id,
    'X-Auth-Email': user.email,
    'X-Auth-Email-Verified': String(user.email_verified),
    'X-Auth-Roles': user.roles.join(','),
    'X-Auth-Session': sessionId,
    'X-Auth-Acr': acrOf(session.amr),
  }
}
