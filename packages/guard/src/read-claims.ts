import type { Claims } from './claims.ts'

/** Authentic claims, and from when to when they are valid, in milliseconds. */
export type DatedClaims = { readonly claims: Claims; readonly from: number; readonly until: number }

type Json = Readonly<Record<string, unknown>>

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''
const isTextList = (value: unknown): boolean =>
  Array.isArray(value) && value.every(item => typeof item === 'string')
const isTime = (value: unknown): boolean => !Number.isNaN(timeOf(value))

const optional: Readonly<Record<string, (value: unknown) => boolean>> = {
  email: isText,
  email_verified: value => typeof value === 'boolean',
  roles: isTextList,
  amr: isTextList,
  acr: isText,
  auth_time: isTime,
  name: value => typeof value === 'string',
  lang: value => typeof value === 'string',
  nbf: isTime,
}

const timeShape = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/

/** Milliseconds of an RFC 3339 time in UTC; NaN for anything else. `Date.parse` reads 30 February as 2 March. */
export const timeOf = (value: unknown): number => {
  if (typeof value !== 'string' || !timeShape.test(value)) return Number.NaN
  const time = Date.parse(value)
  const isReal = !Number.isNaN(time) && new Date(time).toISOString().slice(0, 19) === value.slice(0, 19)
  return isReal ? time : Number.NaN
}

const isUser = (claims: Json): boolean =>
  isText(claims.sid) && claims.client_id === undefined && claims.scope === undefined

const isMachine = (claims: Json): boolean =>
  isText(claims.client_id) &&
  claims.client_id === claims.sub &&
  typeof claims.scope === 'string' &&
  claims.sid === undefined

const isClaims = (value: Json): boolean =>
  isText(value.sub) &&
  isUser(value) !== isMachine(value) &&
  Object.entries(optional).every(([name, check]) => value[name] === undefined || check(value[name]))

const freeze = (value: unknown): void => {
  if (typeof value !== 'object' || value === null) return
  for (const inner of Object.values(value)) freeze(inner)
  Object.freeze(value)
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The JSON object of a signed message, frozen; null for any other message. JSON.parse keeps the last of two claims with the
 * same name, and another parser may keep the first. Latchkey writes with JSON.stringify, so a text that JSON.stringify
 * would write differently is refused.
 */
export const readJson = (message: Uint8Array): Json | null => {
  try {
    const text = utf8.decode(message)
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || JSON.stringify(value) !== text) return null
    freeze(value)
    return value as Json
  } catch {
    return null
  }
}

/** Which tokens to accept. With a list of audiences, a token for any of them. */
export type Expected = { readonly issuer: string; readonly audience: string | readonly string[] }

const isFor = (audience: Expected['audience'], value: unknown): boolean =>
  typeof audience === 'string' ? value === audience : audience.some(each => each === value)

/** The claims of an authentic message for this issuer and audience; null for any other. The caller compares the times. */
export const readClaims = (message: Uint8Array, { issuer, audience }: Expected): DatedClaims | null => {
  const claims = readJson(message)
  if (claims?.iss !== issuer || !isFor(audience, claims.aud) || !isClaims(claims)) return null
  const [issued, until] = [timeOf(claims.iat), timeOf(claims.exp)]
  if (Number.isNaN(issued) || Number.isNaN(until)) return null
  const from = claims.nbf === undefined ? issued : Math.max(issued, timeOf(claims.nbf))
  return { claims: claims as unknown as Claims, from, until }
}
