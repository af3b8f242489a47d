import type { IncomingMessage } from 'node:http'
import type { LimitName } from '../base/limits.ts'
import { defaultLimits } from '../base/limits.ts'
import { Problem } from '../base/problems.ts'
import type { Deps } from '../deps.ts'
import { checkSession } from '../sessions/check-session.ts'
import { bearerSession, expired, refreshSessionOf, revoked } from './authenticate.ts'
import type { Client } from './client.ts'
import { type LimitKeys, recipientKey, takeLimits } from './limit.ts'
import type { Auth, Route } from './route.ts'

/** A request on its way to a handler. */
export type Arrival = { route: Route; request: IncomingMessage; client: Client; body: unknown }

/** What a caller has proven, in the shape that `Call` gives it, or why the request goes no further. */
export type Admission = { headers: Record<string, string>; outcome: Record<string, unknown> | Problem }

type Admit = (deps: Deps, arrival: Arrival) => Promise<Admission>

const limited = (deps: Deps, { route, client, body }: Arrival, session?: string) => {
  const { email } = (body ?? {}) as { email?: string }
  const keys: LimitKeys = { ip: client.network, session, recipient: email && recipientKey(email) }
  return takeLimits(deps, named(route.limits, keys))
}

const named = (limits: readonly LimitName[], keys: LimitKeys) =>
  limits.map(name => ({ name, key: keys[defaultLimits[name].by as keyof LimitKeys] ?? '' }))

/** Somebody whose credentials are none: counted by address, so that trying tokens is limited too. */
const stranger = async (deps: Deps, { client }: Arrival, problem: Problem): Promise<Admission> => {
  const { headers, refusal } = await takeLimits(deps, named(['anonymous'], { ip: client.network }))
  return { headers, outcome: refusal ?? problem }
}

const admitted: Record<Auth, Admit> = {
  none: async (deps, arrival) => {
    const { headers, refusal } = await limited(deps, arrival)
    return { headers, outcome: refusal ?? {} }
  },

  bearer: async (deps, arrival) => {
    const claimed = (await bearerSession(deps, arrival.request)) ?? new Problem('AUTH_ERROR')
    if (claimed instanceof Problem) return stranger(deps, arrival, claimed)
    const { sessionId, isExpired } = claimed
    const [{ headers, refusal }, user] = await Promise.all([
      limited(deps, arrival, sessionId),
      isExpired ? expired() : checkSession(deps, claimed),
    ])
    if (refusal) return { headers, outcome: refusal }
    if (!(user instanceof Problem)) return { headers, outcome: { user, sessionId } }
    return { headers, outcome: user.code === 'TOKEN_EXPIRED' ? user : revoked() }
  },

  refresh: async (deps, arrival) => {
    const refresh = refreshSessionOf(deps, arrival.body)
    if (!refresh) return stranger(deps, arrival, new Problem('INVALID_REFRESH_TOKEN'))
    const { headers, refusal } = await limited(deps, arrival, refresh.sessionId)
    return { headers, outcome: refusal ?? { refresh } }
  },

  either: async (deps, arrival) => {
    const claimed = await bearerSession(deps, arrival.request)
    if (claimed instanceof Problem && claimed.code === 'VALIDATION_ERROR')
      return stranger(deps, arrival, claimed)
    // An access token that is none does not shield the session of the refresh token beside it.
    const byAccess = claimed instanceof Problem ? null : claimed
    const sessions = [byAccess, refreshSessionOf(deps, arrival.body)].filter(session => session !== null)
    const { refresh_token } = arrival.body as { refresh_token?: string }
    if (claimed === null && refresh_token === undefined)
      return stranger(deps, arrival, new Problem('AUTH_ERROR'))
    // Somebody known is counted by session: what neighbours at the same address do keeps nobody signed in.
    const [first] = sessions
    const { headers, refusal } = await (first
      ? takeLimits(deps, named(['bearer'], { session: first.sessionId }))
      : limited(deps, arrival))
    return { headers, outcome: refusal ?? { sessions } }
  },
}

/** Proves the caller and takes the limits of a route, before its handler sees the request. */
export const admit: Admit = (deps, arrival) => admitted[arrival.route.auth](deps, arrival)
