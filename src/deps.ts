import type { Clock } from './platform/base/clock.ts'
import type { Log } from './platform/base/log.ts'
import type { CheckPassword } from './platform/base/password-policy.ts'
import type { EmailDefinition } from './platform/catalog/email-definition.ts'
import type { Config } from './platform/config/config.ts'
import type { KeyRing } from './platform/crypto/key-ring.ts'
import type { CheckToken } from './platform/crypto/paseto.ts'
import type { Hasher } from './platform/crypto/password.ts'
import type { Secrets } from './platform/crypto/secrets.ts'
import type { Limiter } from './platform/limits/limiter.ts'
import type { MailQueue } from './platform/mail/queue.ts'
import type { OpenMetrics } from './platform/metrics/metrics.ts'
import type { Database } from './platform/postgres/postgres.ts'
import type { PreparedReads } from './platform/postgres/prepared-read.ts'
import type { ReadFromReplica } from './platform/postgres/read-from-replica.ts'
import type { Keys } from './platform/redis/keys.ts'
import type { RedisConnection } from './platform/redis/redis.ts'
import type { Theme } from './platform/theme/theme.ts'

/**
 * SQL for the rows that a module stores about users. Features run it when they export an account or change an email address.
 * Each except `list` is an update of rows that have an `id`.
 */
export type UserRows = {
  /** Selects the rows of a user ($1), for the export of an account. */
  list: string
  /** Assigns to a user ($1) the rows that wait for the owner of a mailbox ($2). */
  claim: string
  /** Takes from a user ($1) the rows assigned for a mailbox ($2), so that they wait for its owner again. */
  release: string
  /** Assigns the rows of a user ($1) to another user ($2). */
  move: string
}

/**
 * A column of texts that `seal` made with the primary key of their row as the name. `key` is the column of that key. A job
 * seals them anew after APP_SECRET has changed.
 */
export type SealedColumn = { table: string; key: string; keyType: 'text' | 'uuid'; column: string }

/** The first argument of a verb. A verb declares only what it uses: `Pick<Deps, 'database' | 'log'>`. */
export type Deps = {
  config: Config
  clock: Clock
  log: Log
  emails: readonly EmailDefinition[]
  theme: Theme
  metrics: OpenMetrics
  secrets: Secrets
  database: Database
  reads: PreparedReads
  readFromReplica: ReadFromReplica
  redis: RedisConnection
  keys: Keys
  queue: MailQueue
  limiter: Limiter
  ring: KeyRing
  /** Checks a token of a caller of Latchkey: one with the audience `PUBLIC_URL`. */
  checkToken: CheckToken
  /** Checks an access token also while Postgres does not answer: for the end of a session. */
  checkTokenOffline: CheckToken
  /** Checks a token of any audience, to say whether it is genuine. Never accept it as that of a caller. */
  checkAnyToken: CheckToken
  hasher: Hasher
  checkPassword: CheckPassword
  /** The SQL of each module for its rows about users, by the name of the module. */
  userRows: Readonly<Record<string, UserRows>>
  sealedColumns: readonly SealedColumn[]
}
