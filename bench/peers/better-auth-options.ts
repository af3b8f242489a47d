import { redisStorage } from '@better-auth/redis-storage'
import bcrypt from 'bcrypt'
import type { BetterAuthOptions } from 'better-auth'
import { Redis } from 'ioredis'
import pg from 'pg'

// Email and password, hashed at the same cost as in the other services. No cookie cache: it would accept a revoked session.
// Limits, request log and telemetry are off, as in every peer.

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
