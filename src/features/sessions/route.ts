import { type LimitName, limits } from '../../platform/catalog/limits.ts'
import { type Code, problems } from '../../platform/catalog/problems.ts'
import { routeFor } from '../../platform/http/route.ts'
import type { User } from '../users/types.ts'
import type { RefreshToken } from './refresh-token.ts'

type Bearer = { user: User; sessionId: string }

/** What is known of the caller of a route, by its `auth`. */
export type Callers = {
  none: object
  optional: Partial<Bearer>
  bearer: Bearer
  admin: Bearer
  refresh: { refresh: RefreshToken }
  bearerOrRefresh: { sessions: { userId: string; sessionId: string }[] }
}

/** Declares a route whose handler knows the user and the session of the caller. */
export const route = routeFor<Callers, LimitName, Code>({ limits, problems })
