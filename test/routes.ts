import { loadRoutes } from '../src/modules.ts'

const draining = () => false
const closing = () => false

/** The routes of a service without a shop, also those that are off by default. */
export const coreRoutes = await loadRoutes({ draining, closing, config: { EMAIL_LOGIN: 'on' } })

/** The routes of a service with a shop. */
export const allRoutes = await loadRoutes({
  draining,
  closing,
  config: { EMAIL_LOGIN: 'on', RECURRENTE_SECRET_KEY: 'sk_test_0123456789' },
})

/** The example body of a route such as `POST /livez`, with these values in place of those of the example. */
export const exampleBody = (name: string, values: Record<string, unknown> = {}): Record<string, unknown> => {
  const route = allRoutes.find(({ method, path }) => name === `${method} ${path}`)
  if (!route?.example?.body) throw new Error(`${name} has no example of a body`)
  return { ...route.example.body, ...values }
}
