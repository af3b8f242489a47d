import type { IncomingMessage } from 'node:http'
import type { Deps } from '../../deps.ts'

const warning =
  'X-Forwarded-For arrives while TRUSTED_PROXIES is 0. Behind a proxy, all clients then have one address and share its limits. Set TRUSTED_PROXIES to the networks of your proxies.'

/** Warns once, at the first request that seems to come through a proxy although no proxy is trusted. */
export const warnOfUntrustedProxy = ({ config, log }: Pick<Deps, 'config' | 'log'>) => {
  let hasWarned = config.TRUSTED_PROXIES !== 0
  return ({ headers }: IncomingMessage): void => {
    if (hasWarned || headers['x-forwarded-for'] === undefined) return
    hasWarned = true
    log.warn(warning)
  }
}
