import type { Config } from './config.ts'
import { isLoopback } from './loopback.ts'

type Exposing = Pick<Config, 'NODE_ENV' | 'HOST' | 'METRICS_HOST' | 'METRICS_PORT' | 'RATE_LIMITS'>

/** Warnings about a valid configuration that lets other machines connect, which may be a mistake. */
export const exposureWarnings = (config: Exposing, process: 'api' | 'worker'): string[] => {
  const found: string[] = []
  if (process === 'api' && config.NODE_ENV !== 'production' && !isLoopback(config.HOST)) {
    const limits = config.RATE_LIMITS === 'off' ? ' RATE_LIMITS is off.' : ''
    found.push(
      `HOST lets other machines connect, but NODE_ENV is ${config.NODE_ENV}: weak secrets and plain http are accepted.${limits} Set NODE_ENV=production, or HOST=127.0.0.1.`,
    )
  }
  if (config.METRICS_PORT !== undefined && !isLoopback(config.METRICS_HOST))
    found.push(
      'METRICS_HOST lets other machines read /metrics without a password. Limit access with a firewall or a private network.',
    )
  return found
}
