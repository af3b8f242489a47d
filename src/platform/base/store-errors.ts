// Distinguishes failures of Postgres, Redis and the hash pool from bugs in this code. The reply to a failure is 503 and
// never 401, as a client would discard a valid session.

const networkCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
])

// https://www.postgresql.org/docs/current/errcodes-appendix.html: 08 connection, 53 resources, 57 operator
// intervention (57014 is a statement timeout), 40 serialization and deadlock, 55P03 lock timeout, 25006
// read-only after a failover, 58 disk, 26000 a statement that is not prepared: a query before it in the pipeline should have
// prepared it, and waited for a lock too long.
const postgresCodes = /^(?:08...|26000|53...|57...|58...|40001|40P01|55P03|25006|25P0[34])$/

// Errors of pg, TypeORM and ioredis that have no code, only a message.
const postgresMessages =
  /^(?:timeout exceeded when trying to connect|timeout expired|Query read timeout|Connection terminated|Client has encountered a connection error|Driver not Connected)/
const redisMessages =
  /^(?:Command timed out|Command aborted due to connection close|Connection is closed|Stream isn't writeable|Connection is not established|Cluster isn't ready|Cluster is ended|None of startup nodes is available|Failed to refresh slots cache|Too many Cluster redirections|All sentinels are unreachable|(?:ERR )?Script attempted to access a non local key|(?:LOADING|READONLY|OOM|MISCONF|CLUSTERDOWN|TRYAGAIN|MASTERDOWN|NOREPLICAS|BUSY|NOPERM|NOAUTH|WRONGPASS) ?)/
const redisNames = /^(?:MaxRetriesPerRequestError|ClusterAllFailedError)$/

const ownCodes = /^ERR_(?:HASHER_BUSY|HASHER_FAILED|POOL_BUSY|NO_SIGNING_KEY)$/

// The messages outside of a script, inside a script of Redis 7.0, and inside a script of later versions.
const permissionMessages =
  /^(?:NOPERM|ERR The user executing the script can't|ERR unknown command|ERR Unknown Redis command|ERR ACL failure in script)/i

/** Whether Redis denies its user a command or a key. A retry does not help. */
export const isPermissionError = (error: unknown): boolean =>
  error instanceof Error && permissionMessages.test(error.message)

/** Whether a store or the hash pool cannot serve now. A later retry may succeed. */
export const isOutage = (error: unknown): boolean => {
  if (!(error instanceof Error)) return false
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return (
    ownCodes.test(code) ||
    networkCodes.has(code) ||
    postgresCodes.test(code) ||
    redisNames.test(error.name) ||
    // TypeORM throws this if the connection of a transaction breaks between two statements.
    /^QueryRunner(?:Provider)?AlreadyReleasedError$/.test(error.name) ||
    postgresMessages.test(error.message) ||
    redisMessages.test(error.message) ||
    isPermissionError(error) ||
    isOutage(error.cause)
  )
}

const connectionCodes = /^(?:08...|57P0.|ECONNRESET|EPIPE)$/

/** Whether Postgres or the network ended a connection. A new connection may work. */
export const isConnectionLost = (error: unknown): boolean => {
  if (!(error instanceof Error)) return false
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const messages = /^(?:Connection terminated(?: unexpectedly)?|Client has encountered a connection error.*)$/
  return connectionCodes.test(code) || messages.test(error.message) || isConnectionLost(error.cause)
}

/** Whether a queue is full because too many requests came at once. Nothing is broken. */
export const isOverload = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && /^ERR_(?:HASHER|POOL)_BUSY$/.test(String(error.code))

/** The store that failed, for metrics and logs. */
export const storeOf = (error: unknown): 'postgres' | 'redis' | 'passwords' => {
  if (!(error instanceof Error)) return 'postgres'
  const { code, name, message, command } = error as Error & { code?: unknown; command?: unknown }
  if (typeof code === 'string' && code.startsWith('ERR_HASHER_')) return 'passwords'
  const isRedis =
    command !== undefined || isPermissionError(error) || redisMessages.test(message) || redisNames.test(name)
  return isRedis ? 'redis' : 'postgres'
}

/** Whether an insert or update violated the named unique constraint (SQLSTATE 23505). */
export const isDuplicate = (error: unknown, constraint: string): boolean =>
  error instanceof Error &&
  'code' in error &&
  error.code === '23505' &&
  'constraint' in error &&
  error.constraint === constraint
