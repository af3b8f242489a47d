import { integer, rule, trustedProxies } from './variable-rules.ts'

const address = rule('must be an address to listen on', text => text || null)

/** Where processes listen, how many they are, and which proxies stand in front of them. */
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
    help: 'How many processes `npm run api` runs on this machine; they share `PORT`. One for each core that is not left to others.',
  },
  TRUSTED_PROXIES: {
    schema: trustedProxies,
    default: '0',
    help: 'How many proxies stand in front, or the networks that they are in (`10.0.0.0/8,2001:db8::/32`): `X-Forwarded-For` is believed for that many hops, or for as long as they are of these, from the right.',
  },
  METRICS_PORT: {
    schema: integer(0, 65535),
    example: '9464',
    help: 'The port of `/metrics`, for Prometheus, at the address of `METRICS_HOST`. With several `API_PROCESSES` it answers for all of them; the worker on the same machine needs another. Unset: none.',
  },
  METRICS_HOST: {
    schema: address,
    default: '127.0.0.1',
    help: 'The address that `/metrics` listens on. Where Prometheus runs on another machine or in another container, set an address of a private network that no attacker can reach.',
  },
} as const
