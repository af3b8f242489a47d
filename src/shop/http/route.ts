import type { Callers } from '../../features/sessions/route.ts'
import { limits } from '../../platform/catalog/limits.ts'
import { routeFor } from '../../platform/http/route.ts'
import { shopLimits } from '../catalog/limits.ts'

const allLimits = { ...limits, ...shopLimits }

/** Declares a route of the shop, which may name the limits of the core and those of the shop. */
export const route = routeFor<Callers, keyof typeof allLimits>({ limits: allLimits })
