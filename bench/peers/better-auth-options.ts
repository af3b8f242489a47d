import { redisStorage } from '@better-auth/redis-storage'
import bcrypt from 'bcrypt'
import type { BetterAuthOptions } from 'better-auth'
import { Redis } from 'ioredis'
import pg from 'pg'

// E-mail and password, hashed with the same work as everybody else's. No cookie cache: it would answer without asking
// whether the session was revoked. What is off is off for every contestant: limits, a log of requests, telemetry.

const { DATABASE_URL = '', REDIS_URL, PORT, TOKEN_SECRET = '' } = process.env

export const options = {
  appName: 'Bench',
  baseURL: `http://127.0.0.1:${PORT}`,
  secret: TOKEN_SECRET,
  database: new pg.Pool({ connectionString: DATABASE_URL, max: 10 }),
  ...(REDIS_URL && { secondaryStorage: redisStorage({ client: new Redis(REDIS_URL) as never }) }),
  emailAndPassword: {
    enabled: true,
    password: {
      hash: password => bcrypt.hash(password, 12),
      verify: ({ hash, password }) => bcrypt.compare(password, hash),
    },
  },
  advanced: { database: { joins: true } },
  rateLimit: { enabled: false },
  logger: { disabled: true },
  telemetry: { enabled: false },
} satisfies BetterAuthOptions
