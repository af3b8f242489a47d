import type { MachineClaims, UserClaims } from '../../../packages/guard/src/claims.ts'
import type { Deps } from '../../deps.ts'
import { now } from '../../platform/base/clock.ts'
import { Problem } from '../../platform/catalog/problems.ts'
import { findClient } from '../clients/store.ts'
import { acrOf } from '../sessions/authentication.ts'
import { checkSession } from '../sessions/check-session.ts'
import { findRefreshToken } from '../sessions/find-refresh-token.ts'
import { levelRefusal } from '../sessions/level-refusal.ts'
import { type RefreshToken, readRefreshToken } from '../sessions/refresh-token.ts'
import { findSession } from '../sessions/store.ts'
import type { SessionState } from '../sessions/types.ts'
import type { User } from '../users/types.ts'
import { mustVerify } from '../users/user-state.ts'
import type { Introspection } from './schemas.ts'

type Needs = Pick<Deps, 'config' | 'clock' | 'secrets' | 'redis' | 'keys' | 'reads' | 'checkAnyToken'>

/**
 * Says whether a token is valid at this moment: genuine, not expired, its session alive, its account open, its client not
 * revoked. It changes nothing. All other tokens get one reply, so that a client learns nothing about a token that has ended.
 *
 * An outage throws: a reply of `false` would sign users out.
 */
export const introspectToken = async (deps: Needs, token: string): Promise<Introspection> =>
  (await describe(deps, token)) ?? { active: false }

const describe = async (deps: Needs, token: string): Promise<Introspection | null> => {
  const refresh = readRefreshToken(deps.secrets, token)
  if (refresh) return describeRefreshToken(deps, refresh)
  const time = now(deps.clock)
  const checked = await deps.checkAnyToken(token, new Date(time))
  // Without the tolerance for clocks that differ: a client could not understand an active token whose `exp` is over.
  if (checked === 'invalid' || Date.parse(checked.claims.exp) <= time) return null
  const { claims } = checked
  return claims.client_id === undefined ? describeUserToken(deps, claims) : describeMachineToken(deps, claims)
}

const describeUserToken = async (deps: Needs, claims: UserClaims): Promise<Introspection | null> => {
  const { sub: userId, sid: sessionId, amr, acr, auth_time } = claims
  const session = await findSession(deps, userId, sessionId)
  const user = await userOf(deps, { userId, sessionId }, session)
  // As `/auth/check` decides: with `REQUIRE_MFA=all`, a session without a second factor opens no service.
  if (!user || !session || levelRefusal(deps, { auth: 'anyBearer' }, { user, session })) return null
  return {
    ...{ active: true, token_type: 'Bearer' },
    ...datesOf(claims),
    sid: sessionId,
    ...userMembers(user),
    amr: [...amr],
    acr,
    auth_time: seconds(Date.parse(auth_time)),
  }
}

const describeRefreshToken = async (deps: Needs, token: RefreshToken): Promise<Introspection | null> => {
  const current = await findRefreshToken(deps, token)
  const user = await userOf(deps, token, current)
  // No check of the level: Latchkey takes the token even if `REQUIRE_MFA` demands a second factor that the session lacks.
  if (!user || !current) return null
  const { PUBLIC_URL } = deps.config
  return {
    // Only Latchkey accepts it, also if the access tokens are for other services.
    ...{ active: true, token_type: 'refresh_token', iss: PUBLIC_URL, aud: PUBLIC_URL, sub: user.id },
    iat: seconds(current.issuedAt),
    exp: seconds(current.expiresAt),
    sid: token.sessionId,
    ...userMembers(user),
    amr: [...current.amr],
    acr: acrOf(current.amr),
    auth_time: seconds(current.authTime),
  }
}

const describeMachineToken = async (deps: Needs, claims: MachineClaims): Promise<Introspection | null> => {
  const client = await findClient(deps.reads, claims.client_id)
  const isHeld = claims.scope.split(' ').every(scope => client?.scopes.includes(scope))
  if (!client || client.revoked_at || !isHeld) return null
  const { client_id, scope } = claims
  return { active: true, token_type: 'Bearer', ...datesOf(claims), client_id, scope }
}

/** The user of a session that is active, and that Latchkey itself would accept. */
const userOf = async (
  deps: Needs,
  claimed: { userId: string; sessionId: string },
  session: SessionState | null,
): Promise<User | null> => {
  const checked = await checkSession(deps, claimed, session)
  return checked instanceof Problem || mustVerify(checked.user, deps.config) ? null : checked.user
}

const seconds = (milliseconds: number): number => Math.floor(milliseconds / 1000)

const datesOf = ({ iss, aud, sub, iat, exp }: UserClaims | MachineClaims) => ({
  ...{ iss, aud, sub },
  iat: seconds(Date.parse(iat)),
  exp: seconds(Date.parse(exp)),
})

/** The user as of now: an access token holds their data as of its issue. */
const userMembers = ({ email, email_verified, roles }: User) => ({
  username: email,
  email,
  email_verified,
  roles: [...roles],
})
