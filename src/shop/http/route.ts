import type { Callers } from '../../features/sessions/route.ts'
import { type LimitName, limits } from '../../platform/catalog/limits.ts'
import { type Code, problems } from '../../platform/catalog/problems.ts'
import { type Scope, scopes } from '../../platform/catalog/scopes.ts'
import { routeFor } from '../../platform/http/route.ts'
import { type ShopLimitName, shopLimits } from '../catalog/limits.ts'
import { type ShopCode, shopProblems } from '../catalog/problems.ts'
import { type ShopScope, shopScopes } from '../catalog/scopes.ts'

/** Declares a route of the shop. It may name the limits and problems of the core and those of the shop. */
export const route = routeFor<Callers, LimitName | ShopLimitName, Code | ShopCode, Scope | ShopScope>({
  limits: { ...limits, ...shopLimits },
  problems: { ...problems, ...shopProblems },
  scopes: { ...scopes, ...shopScopes },
})
