import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Deps } from '../../deps.ts'
import { loadPhoneNumbers } from '../../platform/base/phone-numbers.ts'
import { createApp } from '../../platform/http/app.ts'
import { routes } from '../../routes.ts'

/** How long balancers are given to notice, in milliseconds. */
export const drainGrace = 3000

/** How long requests in flight may take to finish, in milliseconds. */
const drainTimeoutMs = 30_000

/** How long a process may take to end, in milliseconds: its stores are closed when its requests are answered. */
export const endTimeoutMs = drainGrace + drainTimeoutMs + 5000

export type Api = {
  port: number
  /** `quietly`: other processes go on serving this port, so balancers need not turn elsewhere. */
  close: (how?: { quietly: boolean }) => Promise<void>
}

/**
 * Serves the API on the configured address. Closing lets requests in flight finish; for `grace` milliseconds before it
 * goes on taking new ones, so that balancers see `/readyz` say `draining` and turn elsewhere.
 */
export const startApi = async (deps: Deps, { grace }: { grace: number }): Promise<Api> => {
  loadPhoneNumbers()
  let closing: Promise<void> | null = null
  let draining = false
  const server = createApp(
    deps,
    routes(() => draining, deps.config),
    () => closing !== null,
  )
  server.listen(deps.config.PORT, deps.config.HOST)
  await once(server, 'listening')
  const close = async ({ quietly } = { quietly: false }): Promise<void> => {
    draining ||= !quietly
    closing ??= sleep(grace).then(() => drain(server))
    await closing
  }
  return { port: (server.address() as AddressInfo).port, close }
}

const drain = async (server: Server): Promise<void> => {
  const closed = once(server, 'close')
  server.close()
  const timer = setTimeout(() => server.closeAllConnections(), drainTimeoutMs)
  await closed
  clearTimeout(timer)
}
