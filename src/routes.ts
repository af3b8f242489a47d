import { accountRoutes } from './features/accounts/routes.ts'
import { adminRoutes } from './features/admin/routes.ts'
import { addressRoutes } from './features/email-change/routes.ts'
import { verificationRoutes } from './features/email-verification/routes.ts'
import { loginRoutes } from './features/login/routes.ts'
import { passwordRoutes } from './features/passwords/routes.ts'
import { sessionRoutes } from './features/sessions/routes.ts'
import { keyRoutes } from './features/signing-keys/routes.ts'
import type { Config } from './platform/config/config.ts'
import { healthRoutes } from './platform/health/health.ts'
import type { Route } from './platform/http/route.ts'
import { purchaseRoutes } from './shop/purchases/routes.ts'
import { isShop } from './shop/purchases/rules.ts'
import { siteRoutes } from './shop/sites/routes.ts'

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
