import { loadRoutes } from '../src/modules.ts'

const draining = () => false

/** The routes of a service without a shop. */
export const coreRoutes = await loadRoutes({ draining, config: {} })

/** The routes of a service with a shop. */
export const allRoutes = await loadRoutes({
  draining,
  config: { RECURRENTE_SECRET_KEY: 'sk_test_0123456789' },
})
