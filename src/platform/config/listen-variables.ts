import { trustedProxies } from './trusted-proxies.ts'
import { integer, rule } from './variable-rules.ts'

const address = rule('must be an address to listen on', text => text || null)

/** The addresses that processes listen on, the number of API processes, and the proxies in front of them. */
export const listenVariables = {
  PORT: { schema: integer(0, 65535), default: '8000', help: 'The port of the API.' },
  HOST: {
    schema: address,
    default: '127.0.0.1',
    help: 'The address that the API listens on.',
  },
  API_PROCESSES: {
    schema: integer(1, 64),
    default: '1',
    help: 'How many processes `npm run api` starts. They share `PORT`. Use one for each CPU core that no other program needs.',
  },
  TRUSTED_PROXIES: {
    schema: trustedProxies,
    default: '0',
    help: 'The reverse proxies in front of the service: their number, or their networks (`10.0.0.0/8,2001:db8::/32`). The client address is then the entry of `X-Forwarded-For` at that number from the right, or the first entry from the right outside these networks.',
  },
  METRICS_PORT: {
    schema: integer(0, 65535),
    example: '9464',
    help: 'The port of `/metrics`, for Prometheus, on the address `METRICS_HOST`. With several `API_PROCESSES` it covers all of them. A worker on the same machine needs another port. Unset: no metrics are served.',
  },
  METRICS_HOST: {
    schema: address,
    default: '127.0.0.1',
    help: 'The address that `/metrics` listens on. If Prometheus runs on another machine or in another container, set an address of a private network that no attacker can reach.',
  },
} as const
