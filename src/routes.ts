import { accountRoutes } from './accounts/routes.ts'
import { addressRoutes } from './addresses/routes.ts'
import { adminRoutes } from './admin/routes.ts'
import { healthRoutes } from './http/health.ts'
import type { Route } from './http/route.ts'
import { keyRoutes } from './keys/routes.ts'
import { loginRoutes } from './login/routes.ts'
import { passwordRoutes } from './passwords/routes.ts'
import { sessionRoutes } from './sessions/routes.ts'
import { verificationRoutes } from './verification/routes.ts'

/** Every route of the service. */
export const routes = (draining: () => boolean): Route[] => [
  ...accountRoutes,
  ...loginRoutes,
  ...sessionRoutes,
  ...verificationRoutes,
  ...passwordRoutes,
  ...addressRoutes,
  ...adminRoutes,
  ...keyRoutes,
  ...healthRoutes(draining),
]
