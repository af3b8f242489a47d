import type { Claims, UserClaims } from './claims.ts'
import {
  isMachine,
  isUser,
  type Refusal,
  reauthenticate,
  unverified,
  withoutRole,
  withoutScope,
} from './refusal.ts'

// What routes require beyond a valid token. Scopes concern machine clients, all other checks concern users. The token of
// the other kind is refused with 403: a machine client that is asked to authenticate again could never succeed.

/** Checks verified claims. Null means that they pass. */
export type ClaimsCheck = (claims: Claims) => Refusal | null

const ofUser =
  (check: (claims: UserClaims) => Refusal | null): ClaimsCheck =>
  claims =>
    claims.sid === undefined ? isMachine : check(claims)

const text = (name: string, value: string, shape: RegExp): string => {
  if (typeof value !== 'string' || !shape.test(value)) throw new TypeError(`${name} is not valid`)
  return value
}

export const verifiedEmail = (): ClaimsCheck =>
  ofUser(({ email_verified }) => (email_verified === true ? null : unverified))

export const role = (name: string): ClaimsCheck => {
  text('the role', name, /\S/)
  return ofUser(({ roles = [] }) => (roles.includes(name) ? null : withoutRole))
}

/** One or several scopes of RFC 6749, section 3.3, separated by spaces. All are required. */
export const scope = (names: string): ClaimsCheck => {
  const wanted = text('the scope', names, /^[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*$/).split(
    ' ',
  )
  const [lacking, notMachine] = [withoutScope(names), isUser(names)]
  return claims => {
    if (claims.sid !== undefined) return notMachine
    const granted = claims.scope.split(' ')
    return wanted.every(name => granted.includes(name)) ? null : lacking
  }
}

export const fresh = (seconds: number): ClaimsCheck => {
  if (!(seconds > 0 && Number.isInteger(seconds)))
    throw new RangeError('requireFresh takes whole seconds above 0')
  const refusal = reauthenticate({ max_age: String(seconds) })
  return ofUser(({ auth_time }) => (Date.now() - Date.parse(auth_time) <= seconds * 1000 ? null : refusal))
}

const levels = ['aal1', 'aal2'] as const
export type Level = (typeof levels)[number]

export const acr = (level: Level): ClaimsCheck => {
  const height = levels.indexOf(level)
  if (height === -1) throw new TypeError('requireAcr takes aal1 or aal2')
  const refusal = reauthenticate({ acr_values: level })
  return ofUser(claims => (levels.indexOf(claims.acr as Level) >= height ? null : refusal))
}
