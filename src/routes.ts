import { accountRoutes } from './accounts/routes.ts'
import { addressRoutes } from './addresses/routes.ts'
import { adminRoutes } from './admin/routes.ts'
import type { Config } from './base/config.ts'
import { healthRoutes } from './http/health.ts'
import type { Route } from './http/route.ts'
import { keyRoutes } from './keys/routes.ts'
import { loginRoutes } from './login/routes.ts'
import { passwordRoutes } from './passwords/routes.ts'
import { purchaseRoutes } from './purchases/routes.ts'
import { isShop } from './purchases/rules.ts'
import { sessionRoutes } from './sessions/routes.ts'
import { siteRoutes } from './sites/routes.ts'
import { verificationRoutes } from './verification/routes.ts'

/** Every route of the service. Those of application modules are there where they are configured. */
export const routes = (draining: () => boolean, config: Partial<Config> = {}): Route[] => [
  ...accountRoutes,
  ...loginRoutes,
  ...sessionRoutes,
  ...verificationRoutes,
  ...passwordRoutes,
  ...addressRoutes,
  ...adminRoutes,
  ...keyRoutes,
  ...(isShop(config) ? [...siteRoutes, ...purchaseRoutes] : []),
  ...healthRoutes(draining),
]
