/** The tokens of a session, as they are stored and shared by tabs. */
export type Grant = {
  sessionId: string
  userId: string
  accessToken: string
  /** Absent where it is in a cookie. */
  refreshToken?: string
  /** When the access token was issued, by the clock of the service. */
  issuedAt: number
  /** The life of the access token in milliseconds. */
  life: number
  /** When the reply arrived, by the clock of the device. */
  receivedAt: number
}

/** A grant in this page. */
export type Held = Grant & {
  /** When the reply arrived, by the clock of this page, which no one can set. */
  since: number
}

// The clock of the device may be an hour off, so no time of the server is compared with it. The life of a token counts from
// the moment when it arrived. Two clocks measure it: `performance.now()` may stop while a device sleeps, and `Date.now()`
// jumps if it is set.

/** How long ago a grant arrived. */
export const ageOf = ({ since, receivedAt }: Held): number =>
  Math.max(0, performance.now() - since, Date.now() - receivedAt)

/** How long the access token is still valid. */
export const remainingOf = (held: Held): number => held.life - ageOf(held)

/** Below this rest of its life, an access token is renewed before it is sent. */
export const marginOf = ({ life }: Grant): number => Math.min(60_000, life / 5)

// Tabs read the same clock at slightly different moments.
const clockNoise = 5000

/** A grant of another tab or an earlier page. If the clock was set back since then, the age is unknown and counts as life. */
export const hold = (grant: Grant): Held => {
  const age = Date.now() - grant.receivedAt
  return { ...grant, since: performance.now() - (age < -clockNoise ? grant.life : age) }
}

/** A grant without the times of this page, as it is stored. */
export const grantOf = ({ since: _, ...grant }: Held): Grant => grant

// Replies to one exchange may be this far apart.
const sameExchange = 2000

/**
 * Whether a token was made by a later exchange than `mine`. Tabs that refresh at once get different access tokens that expire
 * at the same time.
 */
export const isNewer = (grant: Grant, mine: Grant): boolean => {
  if (grant.sessionId !== mine.sessionId) return true
  if (grant.refreshToken !== undefined) return grant.refreshToken !== mine.refreshToken
  return grant.issuedAt - mine.issuedAt > sameExchange
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''
const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value)

/** Checks a grant from a storage or another tab. */
export const asGrant = (value: unknown): Grant | null => {
  const grant = (value ?? {}) as Record<keyof Grant, unknown>
  const { sessionId, userId, accessToken, refreshToken, issuedAt, life, receivedAt } = grant
  if (!isText(sessionId) || !isText(userId) || !isText(accessToken)) return null
  if (!isTime(issuedAt) || !isTime(life) || !isTime(receivedAt)) return null
  const more = isText(refreshToken) ? { refreshToken } : {}
  return { sessionId, userId, accessToken, ...more, issuedAt, life, receivedAt }
}

/** Reads a stored grant. Null for any other text. */
export const parseGrant = (text: string): Grant | null => {
  try {
    return asGrant(JSON.parse(text))
  } catch {
    return null
  }
}

/** The claims of an access token (PASETO `v4.public`). Its signature is not checked: the service does that. */
const claimsOf = (accessToken: string): { sub?: unknown; iat?: unknown } => {
  const part = accessToken.split('.')[2] ?? ''
  const bytes = Uint8Array.from(atob(part.replace(/-/g, '+').replace(/_/g, '/')), c => c.charCodeAt(0))
  return JSON.parse(new TextDecoder().decode(bytes.subarray(0, -64)))
}

/** The grant in a reply with tokens. Throws a TypeError for any other reply, for example of a captive portal. */
export const grantOfReply = (body: unknown): Held => {
  const { access_token, refresh_token, expires_in, session_id } = (body ?? {}) as Record<string, unknown>
  const now = Date.now()
  let grant: Grant | null = null
  try {
    const { sub, iat } = claimsOf(String(access_token))
    grant = asGrant({
      ...{ sessionId: session_id, userId: sub, accessToken: access_token, refreshToken: refresh_token },
      ...{ issuedAt: Date.parse(String(iat)), life: Number(expires_in) * 1000, receivedAt: now },
    })
  } catch {}
  if (!grant) throw new TypeError('The reply holds no tokens of a session')
  return { ...grant, since: performance.now() }
}

/** A grant with the new access token of a reply that holds no other token. Null if it is of another user. */
export const withAccessToken = (held: Held, body: unknown): Held | null => {
  const got = grantOfReply({ ...(body as object), session_id: held.sessionId })
  return got.userId === held.userId ? { ...held, ...got } : null
}
