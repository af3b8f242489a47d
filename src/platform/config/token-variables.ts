import { duration, durationOrOff } from './variable-rules.ts'

/** The variables about the life of tokens, sessions and signing keys. */
export const tokenVariables = {
  ACCESS_TOKEN_TTL: {
    schema: duration('1m', '1h'),
    default: '15m',
    help: 'The life of an access token. Another service accepts a token for at most this time after its session has ended.',
  },
  SIGNING_KEY_ROTATION: {
    schema: durationOrOff('1h', '3650d'),
    default: '90d',
    help: 'The key that signs access tokens is replaced at this age by the worker: see `docs/rotate-keys.md`. `off`: only commands replace it.',
  },
  REFRESH_TOKEN_TTL: {
    schema: duration('5m', '400d'),
    default: '7d',
    help: 'A session ends if it is not refreshed for this time.',
  },
  SESSION_MAX_AGE: {
    schema: duration('5m', '400d'),
    default: '30d',
    help: 'A session ends at this age, refreshed or not.',
  },
  FRESH_FOR: {
    schema: duration('1m', '1d'),
    default: '10m',
    help: 'Administrative changes and changes of factors need a session whose user authenticated within this time, with a second factor if the user has one. After it, the user authenticates again at `POST /auth/reauthenticate`.',
  },
} as const
