import type { Origin } from '../../platform/base/origin.ts'
import { type LimitName, limits } from '../../platform/catalog/limits.ts'
import { type Code, problems } from '../../platform/catalog/problems.ts'
import { type Scope, scopes } from '../../platform/catalog/scopes.ts'
import { routeFor } from '../../platform/http/route.ts'
import type { Machine } from '../clients/types.ts'
import type { User } from '../users/types.ts'
import type { RefreshToken } from './refresh-token.ts'
import type { AnyCaller, SessionState } from './types.ts'

type Bearer = { user: User; sessionId: string; session: SessionState }

/** Who changes something as an administrator: a user, or a machine client, which `origin` names. */
export type Actor = { actorId: string | null; origin: Origin }

/** What is known of the caller of a route, by its `auth`. */
export type Callers = {
  none: object
  optional: Partial<Bearer>
  bearer: Bearer
  anyBearer: AnyCaller
  /** `machine` is null if a user sends the request. */
  admin: { actor: Actor; machine: Machine | null }
  refresh: { refresh: RefreshToken }
  bearerOrRefresh: { sessions: { userId: string; sessionId: string }[] }
  client: { machine: Machine }
}

/** Declares a route whose handler knows the user and the session of the caller. */
export const route = routeFor<Callers, LimitName, Code, Scope>({ limits, problems, scopes })
